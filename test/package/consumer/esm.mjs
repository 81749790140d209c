// Imports everything that the package exports, and makes an index survive its closing. Prints what
// it found.
import { rm } from 'node:fs/promises'
import manifest from 'walv/package.json' with { type: 'json' }

const subpaths = Object.keys(manifest.exports).filter((subpath) => subpath !== './package.json')
const found = {}
for (const subpath of subpaths)
  found[subpath] = await import(subpath.replace('.', 'walv')).then(
    (names) => Object.keys(names).length,
    ({ message }) => message,
  )

const { DurableIndex } = await import('walv')
const { flat } = await import('walv/flat')
const directory = './data-esm'
const open = () => DurableIndex.open({ directory, index: flat({ dimensions: 2 }) })

await rm(directory, { recursive: true, force: true })
const index = await open()
await Promise.all([index.insert('a', [1, 0], { title: 'x' }), index.insert('b', [0, 1])])
await index.close()
const again = await open()
const [nearest] = await again.search([0.9, 0.1], { k: 1 })
await again.close()
console.log(
  JSON.stringify({
    version: process.version,
    found,
    size: again.size,
    nearest: nearest.id,
    metadata: nearest.metadata,
  }),
)
