import { join } from 'node:path'
import Database from 'better-sqlite3'
import { load } from 'sqlite-vec'
import { bytesOf, type Metadata, type Peer } from './peer.ts'

export const peer: Peer = {
  claimsPowerSafety: true,
  how: 'vec0 in better-sqlite3, WAL, synchronous=FULL; batches in one transaction',
  async open(directory, { dimensions }) {
    const database = new Database(join(directory, 'sqlite'))
    load(database)
    database.pragma('journal_mode = WAL')
    database.pragma('synchronous = FULL')
    database.exec(
      `CREATE VIRTUAL TABLE vectors USING vec0 (id TEXT PRIMARY KEY, vector FLOAT[${dimensions}], +metadata TEXT)`,
    )
    const insert = database.prepare('INSERT INTO vectors (id, vector, metadata) VALUES (?, ?, ?)')
    const insertOne = (id: string, vector: Float32Array, metadata: Metadata | undefined): unknown =>
      insert.run(id, bytesOf(vector), metadata === undefined ? null : JSON.stringify(metadata))
    const insertAll = database.transaction(
      (
        ids: readonly string[],
        vectors: readonly Float32Array[],
        metadata: readonly Metadata[] | undefined,
      ) => {
        for (let i = 0; i < ids.length; i++) insertOne(ids[i]!, vectors[i]!, metadata?.[i])
      },
    )
    return {
      append: insertOne,
      appendBatch: insertAll,
      close: async () => void database.close(),
    }
  },
}
