import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** Stands before a server on 127.0.0.1, and cuts connections when it is told to. */
export class CutProxy {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  /** While false, it takes connections and ends them. */
  isOpen = true

  private constructor(address: string, rewritten: (text: string) => string) {
    const port = Number(address.split(':')[1])
    this.#server = createServer((near) => {
      const far = connect(port, '127.0.0.1')
      for (const socket of [near, far]) {
        this.#sockets.add(socket)
        socket.on('error', () => {})
        socket.on('close', () => this.#end(near, far))
      }
      if (!this.isOpen) return this.#end(near, far)
      near.pipe(far)
      far.once('data', (greeting) => {
        near.write(Buffer.from(rewritten(greeting.toString('latin1')), 'latin1'))
        far.pipe(near)
      })
    })
  }

  /** `rewritten` changes what the server says first. */
  static async start(address: string, rewritten = (text: string) => text): Promise<CutProxy> {
    const proxy = new CutProxy(address, rewritten)
    await once(proxy.#server.listen(0, '127.0.0.1'), 'listening')
    return proxy
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** In the middle of whatever is sent. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  async stop(): Promise<void> {
    this.cut()
    await once(this.#server.close(), 'close')
  }

  #end(...sockets: readonly Socket[]): void {
    for (const socket of sockets) {
      this.#sockets.delete(socket)
      socket.destroy()
    }
  }
}
