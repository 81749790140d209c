// The same from CommonJS: Node can require a module that has no top-level await.
const { rmSync } = require('node:fs')
const manifest = require('walv/package.json')
const { DurableIndex, flat, Wal, WalError } = require('walv')

const subpaths = Object.keys(manifest.exports).filter((subpath) => subpath !== './package.json')
const found = {}
for (const subpath of subpaths) {
  try {
    found[subpath] = Object.keys(require(subpath.replace('.', 'walv'))).length
  } catch ({ message }) {
    found[subpath] = message
  }
}

const directory = './data-require'
async function main() {
  rmSync(directory, { recursive: true, force: true })
  const index = await DurableIndex.open({ directory, index: flat({ dimensions: 2 }) })
  await index.insert('a', [1, 0])
  const second = await Wal.open({ directory }).catch((error) => error)
  await index.close()
  console.log(
    JSON.stringify({
      version: process.version,
      found,
      size: index.size,
      refused: second instanceof WalError && second.code,
    }),
  )
}
main()
