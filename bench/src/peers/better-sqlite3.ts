import { join } from 'node:path'
import Database from 'better-sqlite3'
import { bytesOf, type Peer } from './peer.ts'

export const peer: Peer = {
  claimsPowerSafety: true,
  how: 'WAL, synchronous=FULL; a prepared INSERT; batches in one transaction',
  async open(directory) {
    const database = new Database(join(directory, 'sqlite'))
    database.pragma('journal_mode = WAL')
    database.pragma('synchronous = FULL')
    database.exec('CREATE TABLE vectors (id TEXT PRIMARY KEY, vector BLOB NOT NULL) WITHOUT ROWID')
    const insert = database.prepare('INSERT INTO vectors VALUES (?, ?)')
    const insertAll = database.transaction((ids: readonly string[], vectors: readonly Float32Array[]) => {
      for (let i = 0; i < ids.length; i++) insert.run(ids[i], bytesOf(vectors[i]!))
    })
    return {
      append: (id, vector) => insert.run(id, bytesOf(vector)),
      appendBatch: insertAll,
      close: async () => void database.close(),
    }
  },
}
