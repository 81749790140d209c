// The one place for what is known only when walv is published: where its repository and its home
// page are, and who is written to. Until then, package.json has no `repository`, `homepage` and
// `bugs`, and the files below have addresses that end in `.invalid`.
//
//   node scripts/set-repository.mjs https://github.com/OWNER/walv contact@example.org
//   node scripts/set-repository.mjs REPOSITORY CONTACT HOMEPAGE    where there is a site
//   node scripts/set-repository.mjs --check                        fails where it was not done
//
// Run it once and commit. npm asks for the check before it publishes.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const UNSET = { repository: 'https://walv.invalid/repository', contact: 'contact@walv.invalid' }
const FILES = ['SECURITY.md', 'CODE_OF_CONDUCT.md', '.github/ISSUE_TEMPLATE/config.yml']

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url))
const read = (path) => readFileSync(at(path), 'utf8')
const fail = (message) => {
  console.error(message)
  process.exit(1)
}

const args = process.argv.slice(2)
if (args[0] === '--check') check()
else set(...args)

function check() {
  const manifest = JSON.parse(read('package.json'))
  const missing = ['repository', 'homepage', 'bugs'].filter((field) => manifest[field] === undefined)
  const unset = FILES.filter((path) => Object.values(UNSET).some((address) => read(path).includes(address)))
  if (missing.length + unset.length === 0) return
  const where = [...missing.map((field) => `package.json: ${field}`), ...unset]
  fail(`Not set yet: ${where.join(', ')}. Set all with: node scripts/set-repository.mjs REPOSITORY CONTACT`)
}

function set(repository, contact, homepage = `${repository}#readme`) {
  if (!/^https:\/\/[^/]+\/[^/]+\/[^/]+$/.test(repository ?? '') || repository.endsWith('.git'))
    fail('The repository is needed, as https://github.com/OWNER/walv.')
  if (!/^[^\s@<>]+@[^\s@<>]+$/.test(contact ?? '')) fail('A mail address is needed as the contact.')
  const { license, ...before } = JSON.parse(read('package.json'))
  const known = {
    license,
    homepage,
    repository: { type: 'git', url: `git+${repository}.git` },
    bugs: { url: `${repository}/issues` },
  }
  // Beside the licence, where a reader looks.
  const entries = Object.entries(before).filter(([name]) => !(name in known))
  const place = entries.findIndex(([name]) => name === 'type')
  entries.splice(place, 0, ...Object.entries(known))
  writeFileSync(at('package.json'), `${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`)
  for (const path of FILES) {
    const text = read(path).replaceAll(UNSET.repository, repository).replaceAll(UNSET.contact, contact)
    writeFileSync(at(path), text)
  }
}
