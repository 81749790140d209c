/**
 * How the processes of a simulated machine that share a directory talk: over links in memory that
 * carry what a socket of the system would.
 *
 * - What is sent arrives in its order, some turns of the event loop later, in pieces that have
 *   nothing to do with what was handed over at once.
 * - When a process dies, some of what it has sent still arrives, from the beginning, and then its
 *   links end. What was sent to it is lost.
 * - Where nobody listens, nobody is found; where a listener has just ended, a link may be made that
 *   ends at once.
 */
import { nextTurn } from '../../clock.ts'
import type { Exchange, Link, Listener } from '../../disk/exchange.ts'
import { Random } from '../random.ts'

/** Talking and working take their delays from different sequences. */
const SEED = 0x5eed
/** Most turns that what is sent is under way; now and then it is longer. */
const MAX_TURNS = 4
const LONG_TURNS = 40
const LONG_CHANCE = 0.03

/** What passes between all processes of one machine. Itself, it is one of them. */
export class SimulatedExchange implements Exchange {
  readonly #random: Random
  readonly #listening = new Map<string, Listening>()
  readonly #self: ExchangeOfProcess

  constructor(seed: number) {
    this.#random = new Random(seed ^ SEED)
    this.#self = this.process()
  }

  /** The exchange as one more process has it, which can be killed. */
  process(): ExchangeOfProcess {
    return new ExchangeOfProcess(this.#random, this.#listening)
  }

  listen(directory: string, accept: (link: Link) => void): Promise<Listener> {
    return this.#self.listen(directory, accept)
  }

  connect(directory: string): Promise<Link | undefined> {
    return this.#self.connect(directory)
  }
}

interface Listening {
  readonly process: ExchangeOfProcess
  readonly accept: (link: Link) => void
}

/** The links and listeners of one process. */
export class ExchangeOfProcess implements Exchange {
  readonly #random: Random
  readonly #listening: Map<string, Listening>
  readonly #ends = new Set<LinkEnd>()
  #isDead = false
  /** While it is stopped nothing is taken by it. */
  #running: Promise<void> | undefined
  #run = (): void => {}

  /** @internal */
  constructor(random: Random, listening: Map<string, Listening>) {
    this.#random = random
    this.#listening = listening
  }

  async listen(directory: string, accept: (link: Link) => void): Promise<Listener> {
    await this.#delay()
    const listening = { process: this, accept }
    this.#listening.set(directory, listening)
    return {
      close: async () => {
        if (this.#listening.get(directory) === listening) this.#listening.delete(directory)
      },
    }
  }

  async connect(directory: string): Promise<Link | undefined> {
    await this.#delay()
    const listening = this.#listening.get(directory)
    if (listening === undefined) return undefined
    const mine = new LinkEnd(this.#random, this)
    const theirs = new LinkEnd(this.#random, listening.process)
    mine.join(theirs)
    void listening.process.#accept(directory, listening, theirs)
    await this.#delay()
    return mine
  }

  /** Its process dies: it takes nothing any more, and what it sent may arrive or not. */
  kill(): void {
    this.#isDead = true
    this.resume()
    for (const [directory, { process }] of this.#listening)
      if (process === this) this.#listening.delete(directory)
    for (const end of [...this.#ends]) end.die()
  }

  /** The system stops the process, until `resume`: what is sent to it waits. */
  stop(): void {
    this.#running ??= new Promise((resolve) => {
      this.#run = resolve
    })
  }

  resume(): void {
    this.#running = undefined
    this.#run()
  }

  get isStopped(): boolean {
    return this.#running !== undefined
  }

  get isDead(): boolean {
    return this.#isDead
  }

  /** Resolves while the process runs. */
  async running(): Promise<void> {
    while (this.#running) await this.#running
  }

  /** @internal */
  add(end: LinkEnd): void {
    this.#ends.add(end)
  }

  /** @internal */
  remove(end: LinkEnd): void {
    this.#ends.delete(end)
  }

  async #accept(directory: string, listening: Listening, end: LinkEnd): Promise<void> {
    await this.#delay()
    if (this.#listening.get(directory) === listening) listening.accept(end)
    else end.close()
  }

  /** The dead do not go on. */
  async #delay(): Promise<void> {
    await pass(this.#random)
    await this.running()
    if (this.#isDead) await new Promise(() => {})
  }
}

/** One side of a link: it holds what is under way to it. */
class LinkEnd implements Link {
  readonly #random: Random
  readonly #process: ExchangeOfProcess
  #other!: LinkEnd
  #take: ((bytes: Uint8Array) => void) | undefined
  #ended = (): void => {}
  #coming: Uint8Array[] = []
  /** Nothing more comes behind that. */
  #isLast = false
  #isDelivering = false
  #isPaused = false
  /** It sends nothing any more. */
  #hasEnded = false
  #isOver = false

  constructor(random: Random, process: ExchangeOfProcess) {
    this.#random = random
    this.#process = process
    process.add(this)
    if (process.isDead) this.#isOver = true
  }

  join(other: LinkEnd): void {
    this.#other = other
    other.#other = this
  }

  listen(take: (bytes: Uint8Array) => void, ended: () => void): void {
    this.#take = take
    this.#ended = ended
    this.#deliver()
  }

  send(bytes: Uint8Array): void {
    if (this.#hasEnded || this.#isOver || this.#process.isDead) return
    this.#other.#coming.push(bytes.slice())
    this.#other.#deliver()
  }

  get waitingBytes(): number {
    return this.#other.#coming.reduce((sum, { length }) => sum + length, 0)
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.#deliver()
  }

  hold(): void {}

  end(): void {
    if (this.#hasEnded || this.#process.isDead) return
    this.#hasEnded = true
    this.#other.#endBehind()
  }

  close(): void {
    if (this.#isOver || this.#process.isDead) return
    this.#cut()
    this.#over()
  }

  /** Without a word to its own side, which is dead. */
  die(): void {
    this.#isOver = true
    this.#cut()
    this.#process.remove(this)
  }

  /** A beginning of what it sent still arrives, and then the end. */
  #cut(): void {
    this.#hasEnded = true
    const sent = Buffer.concat(this.#other.#coming)
    const kept = this.#random.pick([0, sent.length, this.#random.below(sent.length + 1)])
    this.#other.#coming = kept === 0 ? [] : [sent.subarray(0, kept)]
    this.#other.#endBehind()
  }

  #endBehind(): void {
    this.#isLast = true
    this.#deliver()
  }

  #over(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#coming = []
    this.#process.remove(this)
    void nextTurn().then(() => {
      if (!this.#process.isDead) this.#ended()
    })
  }

  #deliver(): void {
    if (this.#isDelivering || this.#isOver) return
    void this.#deliverAll()
  }

  async #deliverAll(): Promise<void> {
    this.#isDelivering = true
    while (!this.#isOver && !this.#isPaused && this.#take && (this.#coming.length > 0 || this.#isLast)) {
      await pass(this.#random)
      await this.#process.running()
      if (this.#isOver || this.#isPaused) break
      if (this.#coming.length > 0) this.#take(this.#piece())
      else {
        // The other side sends nothing more: then this one has nobody to send to.
        this.end()
        this.#over()
      }
    }
    this.#isDelivering = false
  }

  /** All that is there, or a part of it, wherever that ends. */
  #piece(): Uint8Array {
    const all = Buffer.concat(this.#coming)
    const bytes = this.#random.chance(0.5) ? all.length : 1 + this.#random.below(all.length)
    this.#coming = bytes === all.length ? [] : [all.subarray(bytes)]
    return all.subarray(0, bytes)
  }
}

async function pass(random: Random): Promise<void> {
  const most = random.chance(LONG_CHANCE) ? LONG_TURNS : MAX_TURNS
  for (let turns = 1 + random.below(most); turns > 0; turns--) await nextTurn()
}
