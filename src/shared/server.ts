import type { Exchange, Link, Listener } from '../disk/exchange.ts'
import { ioError } from '../disk/io-error.ts'
import type { JsonValue } from '../entry.ts'
import { WalError } from '../errors.ts'
import { isBackpressure, type Leader } from './leader.ts'
import {
  jsonMessage,
  jsonOf,
  KINDS,
  type Message,
  MessageReader,
  PROTOCOL_VERSION,
  plainError,
  type Received,
  readableMessage,
  submissionOf,
} from './messages.ts'

/** So much of how far the log may be read waits for a member that takes nothing. */
const MAX_UNTAKEN_BYTES = 64 * 1024

/** What a member says of itself. */
export interface Hello {
  readonly protocol: number
  readonly process: string
  readonly pid: number
  /** It is to lead, as soon as it can. */
  readonly prefers: boolean
  /** What has to be the same in all processes that share a directory. */
  readonly agreed: { readonly [option: string]: JsonValue }
}

export interface Welcome {
  readonly pid: number
  /** The member has to have read so far before it hands over what nobody answered. */
  readonly before: number
}

/** What the server needs of who leads. */
export interface Lead {
  readonly leader: Leader
  readonly agreed: Hello['agreed']
  /** A member is there that is to lead instead. */
  yield(): void
  checkpoint(): Promise<unknown>
}

/** Takes the changes of the members, and tells them how far the log may be read. */
export class Server {
  readonly #lead: Lead
  readonly #members = new Set<MemberLink>()
  #listener: Listener | undefined
  #told = -1
  #isTelling = false

  private constructor(lead: Lead) {
    this.#lead = lead
  }

  static async listen(exchange: Exchange, directory: string, lead: Lead): Promise<Server> {
    const server = new Server(lead)
    server.#listener = await exchange
      .listen(directory, (link) => {
        const member = new MemberLink(link, lead, server)
        server.#members.add(member)
      })
      .catch((error) => {
        throw ioError(
          error,
          `The directory ${directory} cannot be shared: no socket can be made in it`,
          directory,
        )
      })
    return server
  }

  get memberCount(): number {
    return this.#members.size
  }

  /** Has all members told how far the log may be read, once for all that is known in this turn. */
  tell(): void {
    if (this.#isTelling || this.#members.size === 0) return
    this.#isTelling = true
    queueMicrotask(() => {
      this.#isTelling = false
      const before = this.#lead.leader.readableBefore
      if (before === this.#told) return
      this.#told = before
      const message = readableMessage(before)
      for (const member of this.#members) member.tell(message)
    })
  }

  /**
   * A process has one way to the leader: what comes on an earlier one is not looked at any more.
   */
  replace(member: MemberLink): void {
    for (const other of this.#members) if (other !== member && other.process === member.process) other.close()
  }

  left(member: MemberLink): void {
    this.#members.delete(member)
  }

  /** Takes nothing more: what was handed over and not logged is handed over to who leads next. */
  async close(isYielding: boolean): Promise<void> {
    await this.#listener?.close()
    const farewell = jsonMessage(KINDS.farewell, { isYielding })
    for (const member of [...this.#members]) member.end(farewell)
  }
}

/** The leader's end of the way to one member. */
class MemberLink {
  process = ''
  readonly #link: Link
  readonly #lead: Lead
  readonly #server: Server
  readonly #reader = new MessageReader()
  /** What came and waits for room in the log, or for the greeting. */
  readonly #held: Message[] = []
  #isHolding = false
  #isWelcome = false
  #isClosed = false

  constructor(link: Link, lead: Lead, server: Server) {
    this.#link = link
    this.#lead = lead
    this.#server = server
    link.listen(
      (bytes) => this.#read(bytes),
      () => this.close(),
    )
  }

  /** One that takes nothing is told no more than it has room for; it looks at the files, too. */
  tell(message: Uint8Array): void {
    if (this.#isWelcome && this.#link.waitingBytes < MAX_UNTAKEN_BYTES) this.#link.send(message)
  }

  close(): void {
    this.#isClosed = true
    this.#server.left(this)
    this.#link.close()
  }

  end(farewell: Uint8Array): void {
    this.#isClosed = true
    this.#server.left(this)
    this.#link.send(farewell)
    this.#link.end()
  }

  #read(bytes: Uint8Array): void {
    if (this.#isClosed) return
    try {
      this.#reader.read(bytes, (message) => {
        if (this.#isHolding) this.#held.push(message)
        else this.#take(message)
      })
    } catch {
      // Who speaks something else is not one of ours.
      this.close()
    }
  }

  #take(message: Message): void {
    if (this.#isClosed) return
    if (message.kind === KINDS.hello) void this.#hold(() => this.#greet(jsonOf(message) as unknown as Hello))
    else if (!this.#isWelcome) this.close()
    else if (message.kind === KINDS.submit) this.#takeChange(submissionOf(message))
    else if (message.kind === KINDS.checkpoint) void this.#checkpoint()
  }

  async #checkpoint(): Promise<void> {
    try {
      await this.#lead.checkpoint()
      this.#link.send(jsonMessage(KINDS.checkpointed, null))
    } catch (error) {
      if (isRefusal(error)) this.#link.send(jsonMessage(KINDS.checkpointed, plainError(error)))
    }
  }

  #takeChange(submission: Received): void {
    if (!this.#submit(submission)) void this.#hold(() => this.#submitLater(submission))
  }

  /** Takes nothing more until `work` has ended. */
  async #hold(work: () => Promise<void>): Promise<void> {
    this.#isHolding = true
    this.#link.pause()
    await work().catch(() => this.close())
    this.#isHolding = false
    for (let next = this.#held.shift(); next !== undefined; next = this.#held.shift()) {
      this.#take(next)
      if (this.#isHolding) return
    }
    this.#link.resume()
  }

  async #greet(hello: Hello): Promise<void> {
    const differing = disagreement(hello, this.#lead.agreed)
    if (differing !== undefined) {
      this.end(jsonMessage(KINDS.unwelcome, { why: differing, pid: process.pid }))
      return
    }
    this.process = hello.process
    this.#server.replace(this)
    const { leader } = this.#lead
    // What came on an earlier way has its place, or was refused, by the time that is told.
    await leader.settled((origin) => origin.process === hello.process)
    this.#isWelcome = true
    this.#link.send(jsonMessage(KINDS.welcome, { pid: process.pid, before: leader.readableBefore }))
    if (hello.prefers) this.#lead.yield()
  }

  /** Answers whether there was room. */
  #submit(submission: Received): boolean {
    const { number, ...change } = submission
    const refused = (error: WalError): void => {
      // What may be in the log after all is looked for there, by whoever leads next.
      if (error.fate !== 'unknown')
        this.#link.send(jsonMessage(KINDS.refused, { number, error: plainError(error) }))
    }
    try {
      this.#lead.leader.hand({ origin: { process: this.process, number }, ...change, refused })
    } catch (error) {
      if (isBackpressure(error)) return false
      if (isRefusal(error)) refused(error)
      else this.close()
    }
    return true
  }

  async #submitLater(submission: Received): Promise<void> {
    do await this.#lead.leader.wal.drained()
    while (!this.#isClosed && !this.#submit(submission))
  }
}

/** A leader that takes nothing any more does not answer: the next one does. */
const isRefusal = (error: unknown): error is WalError =>
  error instanceof WalError && error.code !== 'WALV_CLOSED' && error.code !== 'WALV_POISONED'

function disagreement({ protocol, agreed: theirs }: Hello, ours: Hello['agreed']): string | undefined {
  if (protocol !== PROTOCOL_VERSION)
    return `speaks version ${PROTOCOL_VERSION} of what sharing processes say to each other, and this one ${protocol}: use the same version of walv in both`
  const names = new Set([...Object.keys(ours), ...Object.keys(theirs)])
  for (const name of names) {
    const [our, their] = [JSON.stringify(ours[name]), JSON.stringify(theirs[name])]
    if (our !== their) return `has opened it with ${name} ${our}, and this one with ${their}`
  }
  return undefined
}
