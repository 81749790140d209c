/** Leads a directory that is shared, and stands still for a while once it is told to. */
import { DurableIndex, flat } from '../../src/mod.ts'

const [directory, stillMs] = [process.argv[2]!, Number(process.argv[3])]
const index = await DurableIndex.open({ directory, index: flat({ dimensions: 2 }), share: true })
process.send!(index.role)
process.once('message', () => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, stillMs)
  process.disconnect()
})
