declare module 'rocksdb' {
  type Done = (error?: Error | null) => void
  interface Put {
    readonly type: 'put'
    readonly key: string
    readonly value: Buffer
  }
  interface RocksDB {
    open(done: Done): void
    put(key: string, value: Buffer, options: { sync: boolean }, done: Done): void
    batch(puts: readonly Put[], options: { sync: boolean }, done: Done): void
    close(done: Done): void
  }
  export default function rocksdb(path: string): RocksDB
}
