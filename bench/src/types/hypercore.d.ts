declare module 'hypercore' {
  export default class Hypercore {
    constructor(path: string)
    ready(): Promise<void>
    append(block: Buffer | Buffer[]): Promise<unknown>
    close(): Promise<void>
  }
}
