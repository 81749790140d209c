import { readFileSync } from 'node:fs'
import { Converter } from 'typedoc'

const { exports } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))

/** Source of each entry point, without its ending, and the name under which it is imported. */
const ENTRIES = Object.entries(exports)
  .filter(([, target]) => target.types)
  .map(([subpath, { types }]) => ({
    source: (types.default ?? types).slice('./dist/'.length, -'.d.ts'.length),
    name: subpath.replace('.', 'walv'),
  }))

/** Modules are called by what a user imports, not by where they lie. */
function nameModules({ converter }) {
  converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const module of project.children) {
      const entry = ENTRIES.find(({ source }) => source === module.name || source.endsWith(`/${module.name}`))
      if (!entry) throw new Error(`The module ${module.name} is no entry point.`)
      module.name = entry.name
    }
  })
}

/** Everything that the package exports, from its sources. @type {import('typedoc').TypeDocOptions} */
export default {
  name: 'Reference',
  plugin: ['typedoc-plugin-markdown', nameModules],
  tsconfig: 'tsconfig.json',
  entryPoints: ENTRIES.map(({ source }) => `../src/${source}.ts`),
  out: 'pages/reference',
  entryFileName: 'index',
  outputFileStrategy: 'members',
  readme: 'none',
  treatWarningsAsErrors: true,
  // They compute what `Filter` says in words.
  intentionallyNotExported: ['src/index/filter/filter.ts:Fields', 'src/index/filter/filter.ts:Ordered'],
  excludeInternal: true,
  disableSources: true,
  hidePageHeader: true,
  hideBreadcrumbs: true,
  useCodeBlocks: true,
  expandObjects: true,
}
