// Builds the site: the repository's own Markdown at its own places, so that every link is right in
// both, a home page made of the README, and the reference made from the sources.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { homePage } from './home.js'

const site = dirname(fileURLToPath(import.meta.url))
const root = dirname(site)
const pages = join(site, 'pages')

const modules = join(site, 'node_modules')
const run = (cwd, program, ...args) =>
  execFileSync(process.execPath, [join(modules, program), ...args], { cwd, stdio: 'inherit' })
/** A folder's first page has another name here than there; that of the root is the home page. */
const pageOf = (name) => (name === 'README.md' ? 'readme.md' : name.replace(/README\.md$/, 'index.md'))
const asPage = (name, text) =>
  text.replaceAll(/(?<=\]\()([^)#\s]*)README\.md/g, (_link, folder) => {
    const target = posix.join(posix.dirname(name), folder, 'README.md')
    return folder + posix.basename(pageOf(target))
  })
const read = (name) => readFileSync(join(root, name), 'utf8')
const write = (page, text) => {
  mkdirSync(dirname(join(pages, page)), { recursive: true })
  writeFileSync(join(pages, page), text)
}

rmSync(pages, { recursive: true, force: true })
const listed = execFileSync(
  'git',
  ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '*.md', 'docs/*.svg'],
  { cwd: root, encoding: 'utf8' },
).split('\0')
const shown =
  /^(README|CHANGELOG|CONTRIBUTING|SECURITY|CODE_OF_CONDUCT|docs\/.*|examples\/.*|(bench|data)\/README)\.md$/
// What the examples' pages link to.
cpSync(join(root, 'examples'), join(pages, 'public/examples'), {
  recursive: true,
  filter: (path) => !/\.md$|node_modules/.test(path),
})
const names = listed.filter((name) => shown.test(name))
for (const name of names) write(pageOf(name), asPage(name, read(name)))
write('index.md', asPage('README.md', homePage(read('README.md'))))
for (const name of listed.filter((name) => name.endsWith('.svg'))) cpSync(join(root, name), join(pages, name))
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
// For programs: llms.txt, and beside each page its Markdown, to which that links.
const built = join(site, '.vitepress/dist')
for (const name of [...names, 'llms.txt']) cpSync(join(root, name), join(built, name))
