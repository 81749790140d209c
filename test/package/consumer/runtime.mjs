// An index as a program of any runtime uses it:
// `runtime.mjs walk|engine|hold|count|read DIRECTORY`. Prints one line of JSON a step.
import { DurableIndex, flat } from 'walv'

const [what, directory] = process.argv.slice(2)
const print = (found) => console.log(JSON.stringify(found))
const open = (options) => DurableIndex.open({ directory, index: flat({ dimensions: 2 }), ...options })

const walks = {
  /** Fills an index, opens it again, and a second time while it is open. */
  async walk() {
    const index = await open()
    await Promise.all([index.insert('a', [1, 0], { title: 'x' }), index.insert('b', [0, 1])])
    await index.checkpoint()
    await index.insert('c', [-1, 0])
    await index.close()
    const again = await open()
    const [nearest] = await again.search([0.9, 0.1], { k: 1 })
    const second = await open().catch(({ name, code }) => `${name} ${code}`)
    await again.close()
    print({ size: again.size, nearest: nearest.id, metadata: nearest.metadata, second })
  },

  /** The same over a native engine, whose graph is in a thread, and in the snapshot. */
  async engine() {
    const { usearch } = await import('walv/usearch')
    const graph = () => open({ index: usearch({ dimensions: 2 }) })
    const index = await graph()
    const angle = (i) => [Math.cos(i / 200), Math.sin(i / 200)]
    await index.insertMany(Array.from({ length: 400 }, (_, i) => ({ id: `id-${i}`, vector: angle(i) })))
    await index.caughtUp()
    await index.checkpoint()
    await index.close()
    const again = await graph()
    await again.caughtUp()
    const [nearest] = await again.search(angle(7), { k: 1 })
    await again.close()
    print({ size: again.size, nearest: nearest.id })
  },

  /** Inserts until it is killed, and prints each id that is acknowledged. */
  async hold() {
    const index = await open()
    for (let i = index.size; ; i++) {
      await index.insert(`id-${i}`, [i, 1])
      print(`id-${i}`)
    }
  },

  async count() {
    const index = await open()
    print(index.size)
    await index.close()
  },

  async read() {
    const index = await open({ readOnly: true })
    print(index.size)
    await index.close()
  },
}

await walks[what]().catch(({ name, code, message }) => print({ error: `${name} ${code}`, message }))
