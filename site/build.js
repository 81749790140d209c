// Builds the site: the repository's own Markdown at its own places, so that every link is right in both, and the reference made from the sources.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const site = dirname(fileURLToPath(import.meta.url))
const root = dirname(site)
const pages = join(site, 'pages')

const modules = join(site, 'node_modules')
const run = (cwd, program, ...args) =>
  execFileSync(process.execPath, [join(modules, program), ...args], { cwd, stdio: 'inherit' })
/** A folder's first page has another name here than there. */
const asPage = (text) => text.replaceAll('README.md', 'index.md')

rmSync(pages, { recursive: true, force: true })
const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '*.md'], {
  cwd: root,
  encoding: 'utf8',
})
const shown = /^(README|CHANGELOG|CONTRIBUTING|docs\/.*|examples\/.*|(bench|data)\/README)\.md$/
// What the examples' pages link to.
cpSync(join(root, 'examples'), join(pages, 'public/examples'), {
  recursive: true,
  filter: (path) => !/\.md$|node_modules/.test(path),
})
cpSync(join(root, 'docs/images'), join(pages, 'docs/images'), { recursive: true })
const names = listed.split('\0').filter((name) => shown.test(name))
for (const name of names) {
  const page = join(pages, asPage(name))
  mkdirSync(dirname(page), { recursive: true })
  writeFileSync(page, asPage(readFileSync(join(root, name), 'utf8')))
}
// Links to files and headings, also to what is no page. VitePress looks at those between pages again.
run(
  root,
  'remark-cli/cli.js',
  '--frail',
  '--quiet',
  '--use',
  `${modules}/remark-validate-links/index.js=repository:false`,
  ...names,
)
run(site, 'typedoc/bin/typedoc')
run(site, 'vitepress/bin/vitepress.js', 'build', '.')
