import { createRequire } from 'node:module'
import { join } from 'node:path'
import { bytesOf, type Peer } from './peer.ts'

interface NodeSqlite {
  DatabaseSync: new (
    path: string,
  ) => {
    exec(sql: string): void
    prepare(sql: string): { run(...values: unknown[]): unknown }
    close(): void
  }
}

/** Not every Node that we run on has it. */
const { DatabaseSync } = createRequire(import.meta.url)('node:sqlite') as NodeSqlite

export const peer: Peer = {
  claimsPowerSafety: true,
  how: 'WAL, synchronous=FULL; a prepared INSERT; batches in one transaction',
  async open(directory) {
    const database = new DatabaseSync(join(directory, 'sqlite'))
    database.exec('PRAGMA journal_mode = WAL')
    database.exec('PRAGMA synchronous = FULL')
    database.exec('CREATE TABLE vectors (id TEXT PRIMARY KEY, vector BLOB NOT NULL) WITHOUT ROWID')
    const insert = database.prepare('INSERT INTO vectors VALUES (?, ?)')
    return {
      append: (id, vector) => insert.run(id, bytesOf(vector)),
      appendBatch(ids, vectors) {
        database.exec('BEGIN')
        for (let i = 0; i < ids.length; i++) insert.run(ids[i], bytesOf(vectors[i]!))
        database.exec('COMMIT')
      },
      close: async () => database.close(),
    }
  },
}
