import { connect } from '@lancedb/lancedb'
import type { Peer } from './peer.ts'

export const peer: Peer = {
  claimsPowerSafety: false,
  how: 'table.add()',
  async open(directory, { dimensions }) {
    const connection = await connect(directory)
    const vector = Array.from(new Float32Array(dimensions))
    const table = await connection.createTable('vectors', [{ id: 'first', vector }])
    return {
      append: (id, vector) => table.add([{ id, vector: Array.from(vector) }]),
      appendBatch: (ids, vectors) => table.add(ids.map((id, i) => ({ id, vector: Array.from(vectors[i]!) }))),
      async close() {
        table.close()
        connection.close()
      },
    }
  },
}
