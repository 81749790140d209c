import { monotonicMs } from '../clock.ts'
import type { Exchange, Link } from '../disk/exchange.ts'
import type { JsonValue } from '../entry.ts'
import { WalError } from '../errors.ts'
import {
  errorOf,
  jsonMessage,
  jsonOf,
  KINDS,
  type Message,
  MessageReader,
  readableBefore,
} from './messages.ts'
import type { Hello, Welcome } from './server.ts'

/** What a member is told. */
export interface Told {
  /** Everything before it may be read. */
  readable(before: number): void
  refused(number: number, error: WalError): void
}

/** `isYielding`: the leader has given the lead up for one that prefers it. */
interface End {
  readonly isYielding: boolean
}

/** A member's end of the way to the leader. */
export class WayToLeader {
  readonly welcome: Welcome
  readonly ended: Promise<End>
  /** When something last came from there, by the clock for ages. */
  heardAtMs: number = monotonicMs()
  readonly #link: Link
  /** Those that wait for a checkpoint, in the order in which they asked. */
  readonly #asking: ((error: WalError | undefined) => void)[] = []

  private constructor(link: Link, welcome: Welcome, ended: Promise<End>) {
    this.#link = link
    this.welcome = welcome
    this.ended = ended
  }

  /**
   * Resolves to undefined where nobody leads, or who leads is about to end.
   * @throws WALV_INVALID_OPTION where the leader refuses this process
   */
  static async find(
    exchange: Exchange,
    directory: string,
    hello: Hello,
    told: Told,
  ): Promise<WayToLeader | undefined> {
    const link = await exchange.connect(directory)
    if (link === undefined) return undefined
    return new Promise((resolve, reject) => {
      let way: WayToLeader | undefined
      let isYielding = false
      const takeFirst = (message: Message): void => {
        if (message.kind === KINDS.unwelcome) reject(unwelcome(directory, message))
        if (message.kind !== KINDS.welcome) return
        way = new WayToLeader(link, jsonOf(message) as unknown as Welcome, ended)
        resolve(way)
      }
      const take = (message: Message): void => {
        if (message.kind === KINDS.farewell) isYielding = (jsonOf(message) as unknown as End).isYielding
        else if (way === undefined) takeFirst(message)
        else way.#take(message, told)
      }
      const ended = listenTo(link, take).then(() => {
        resolve(undefined)
        return { isYielding }
      })
      link.hold(true)
      link.send(jsonMessage(KINDS.hello, hello as unknown as JsonValue))
    })
  }

  #take(message: Message, told: Told): void {
    this.heardAtMs = monotonicMs()
    if (message.kind === KINDS.readable) told.readable(readableBefore(message))
    else if (message.kind === KINDS.refused) {
      const { number, error } = jsonOf(message) as { readonly number: number; readonly error: JsonValue }
      told.refused(number, errorOf(error))
    } else if (message.kind === KINDS.checkpointed) {
      const plain = jsonOf(message)
      this.#asking.shift()?.(plain === null ? undefined : errorOf(plain))
    }
  }

  /** Has the leader take a checkpoint. Resolves to why it did not, if it says, or has ended. */
  checkpoint(): Promise<WalError | undefined> {
    const answer = new Promise<WalError | undefined>((resolve) => this.#asking.push(resolve))
    this.#link.send(jsonMessage(KINDS.checkpoint, null))
    return Promise.race([answer, this.ended.then(() => undefined)])
  }

  send(message: Uint8Array): void {
    this.#link.send(message)
  }

  /** Whether somebody waits for what comes over it. */
  hold(isHeld: boolean): void {
    this.#link.hold(isHeld)
  }

  close(): void {
    this.#link.close()
  }
}

/** Resolves at the end of the link. */
function listenTo(link: Link, take: (message: Message) => void): Promise<void> {
  const reader = new MessageReader()
  return new Promise((ended) => {
    link.listen((bytes) => {
      try {
        reader.read(bytes, take)
      } catch {
        // Who speaks something else does not lead.
        link.close()
      }
    }, ended)
  })
}

function unwelcome(directory: string, message: Message): WalError {
  const { pid, why } = jsonOf(message) as { readonly pid: number; readonly why: string }
  return new WalError(
    'WALV_INVALID_OPTION',
    `Process ${pid} leads the log in ${directory} and ${why}. Nothing was changed.`,
    { file: directory },
  )
}
