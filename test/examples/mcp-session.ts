import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'

export interface Recalled {
  readonly id: string
  readonly memory: string
  readonly at: string
  readonly distance: number
}

interface ToolAnswer {
  readonly content: readonly { readonly text: string }[]
  readonly structuredContent?: unknown
  readonly isError?: boolean
}

/** What a tool answers instead of doing what it was asked for. */
export class ToolError extends Error {}

/** One server of examples/mcp-memory and the client that started it. */
export class McpSession {
  readonly pid: number
  /** What the client could not read as the protocol. */
  readonly protocolErrors: Error[] = []
  readonly #client: Client
  readonly #ended = new AbortController()

  private constructor(client: Client, pid: number) {
    this.#client = client
    this.pid = pid
    client.onclose = () => this.#ended.abort()
    client.onerror = (error) => {
      // The server was killed while it was asked.
      if ((error as NodeJS.ErrnoException).code !== 'EPIPE') this.protocolErrors.push(error)
    }
  }

  /** Starts a server in the example's folder; resolves when it answers. */
  static async start(t: TestContext, folder: string, directory: string): Promise<McpSession> {
    const client = new Client({ name: 'walv-test', version: '0.1.0' })
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: ['server.js', directory],
      cwd: folder,
      stderr: 'ignore',
    })
    t.after(() => client.close())
    await client.connect(transport)
    return new McpSession(client, transport.pid!)
  }

  get isEnded(): boolean {
    return this.#ended.signal.aborted
  }

  /** Rejects with a ToolError where the tool refuses, and with another where the server is gone. */
  async #call<T>(name: string, input: object): Promise<T> {
    const answer = (await this.#client.callTool({ name, arguments: { ...input } })) as ToolAnswer
    if (answer.isError) throw new ToolError(answer.content[0]!.text)
    return answer.structuredContent as T
  }

  async remember(text: string): Promise<string> {
    return (await this.#call<{ id: string }>('remember', { text })).id
  }

  async recall(text: string, limit?: number): Promise<readonly Recalled[]> {
    const { memories } = await this.#call<{ memories: Recalled[] }>('recall', {
      text,
      ...(limit && { limit }),
    })
    return memories
  }

  async forget(id: string): Promise<void> {
    await this.#call('forget', { id })
  }

  undo(id?: string): Promise<{ readonly id: string; readonly undone: string; readonly memory: string }> {
    return this.#call('undo', id === undefined ? {} : { id })
  }

  /** With SIGKILL. */
  async kill(): Promise<void> {
    const ended = this.isEnded || once(this.#ended.signal, 'abort')
    process.kill(this.pid, 'SIGKILL')
    await ended
  }

  close(): Promise<void> {
    return this.#client.close()
  }
}
