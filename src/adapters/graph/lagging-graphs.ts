import { monotonicMs } from '../../clock.ts'
import { assert, WalError } from '../../errors.ts'
import type { FlatIndex } from '../../index/flat/flat-index.ts'
import type { Generation } from './generation.ts'
import { Generations } from './generations.ts'
import { captureGraphs, type LoadedGraph, type WrittenGraphs } from './graph-snapshot.ts'
import type { AddOutcome, HostEnd } from './host.ts'
import { Hosting, type MakeHost } from './hosting.ts'
import { indexIsClosed, LagWatch } from './lag-watch.ts'
import type { Scaling } from './scaling.ts'
import { Turns } from './turns.ts'
import { mostCompared, Unindexed } from './unindexed.ts'
import { textOf, warnOfGivingUp, warnOfRebuilding, warnOfRestart } from './warnings.ts'

/** What one batch holds, at most. */
const BATCH_BYTES = 256 * 1024
const MAX_BATCH_VECTORS = 512
/** While one is added the next is made. */
const MAX_BATCHES = 2
/** A stretch of looking for what no graph has, and how often the clock is looked at. */
const SWEEP_MS = 2
const SWEEP_LABELS = 64
/** So many refused one after the other, and none taken, are the engine's fault. */
const MAX_REFUSED = 64

interface Batch {
  readonly generation: Generation
  readonly firstKey: number
  readonly labels: readonly number[]
  /** How many of them are copies of what another graph has. */
  readonly copies: number
  readonly oneByOne: boolean
}

export interface GraphsOptions {
  /** The engine's name. */
  readonly kind: string
  readonly dimensions: number
  readonly scaling: Scaling
  readonly makeHost: MakeHost
  /** Below so many vectors no host is started: the graphs would not be asked. */
  readonly startSize: number
  readonly maxLag: number
  /** What one batch holds, at most. Default: as many vectors as take 256 KiB, and at most 512. */
  readonly batchVectors?: number | undefined
}

/**
 * The graphs of an index, which take over its vectors when they can. At any moment a label is in a
 * graph as it is, or is one of those that `uncovered` names.
 *
 * | state | a search | left by |
 * |---|---|---|
 * | sweeping: what no graph has is looked for | compares all | the end of the sweep |
 * | blocked: a graph is loaded or saved | compares all | the host's answer |
 * | far behind: no graph has more than is compared | compares all | batches that arrive |
 * | otherwise | asks the graphs, and compares what is uncovered | |
 * | over: closed, or given up | compares all | |
 *
 * A host that dies takes its graphs along: a sweep begins, and another one is filled.
 */
export class LaggingGraphs {
  readonly #options: GraphsOptions
  readonly #batchVectors: number
  readonly #hosting: Hosting
  readonly #turns: Turns = new Turns(() => this.#work())
  readonly #watch: LagWatch
  #exact: FlatIndex
  #lastNumber = 0
  #generations: Generations
  #unindexed = new Unindexed()
  /** Labels that no engine computes with, or that this one refused. */
  #aside = new Set<number>()
  #sweep: IterableIterator<number> | undefined
  /** How much loading and saving is under way. */
  #blocked = 0
  #isLoading = false
  #batches = 0
  readonly #buffers: Float32Array<ArrayBuffer>[] = []
  /** Changes when everything begins again: answers to what was asked before say nothing then. */
  #epoch: object = {}
  #refused = 0
  #workMs = 0
  #isOver = false

  constructor(exact: FlatIndex, options: GraphsOptions) {
    this.#exact = exact
    this.#options = options
    const bytes = options.dimensions * Float32Array.BYTES_PER_ELEMENT
    const fitting = Math.max(1, Math.min(MAX_BATCH_VECTORS, Math.floor(BATCH_BYTES / bytes)))
    this.#batchVectors = options.batchVectors ?? fitting
    this.#hosting = new Hosting(options.makeHost)
    this.#generations = new Generations(this.newNumber())
    this.#watch = new LagWatch((isAwaited) => {
      this.#hosting.keepAlive(isAwaited)
      this.#turns.keepAlive(isAwaited)
      if (isAwaited) this.#schedule()
    })
  }

  /** How many vectors no graph has that one should have. */
  get lag(): number {
    if (!this.isNeededFor(this.#exact.size)) return 0
    return this.#exact.size - this.#aside.size - (this.#isLoading ? 0 : this.#generations.size)
  }

  /** How many milliseconds the graphs have taken for what they took over. */
  get workMs(): number {
    return this.#workMs
  }

  get isFull(): boolean {
    return !this.#isOver && this.lag > this.#options.maxLag
  }

  /** Resolves when it is not full. */
  async room(): Promise<void> {
    if (this.isFull) await this.#watch.until(this.#options.maxLag).catch(() => {})
  }

  /** @throws WALV_CLOSED, WALV_ENGINE */
  async caughtUp(): Promise<void> {
    const isSweeping = this.#sweep !== undefined && this.isNeededFor(this.#exact.size)
    if (this.#isOver || this.lag > 0 || isSweeping) await this.#watch.until(0)
  }

  /** A label has a new vector in the exact index. `fits`: whether an engine can compute with it. */
  set(label: number, fits: boolean): void {
    this.#generations.remove(label)
    if (fits && !this.#isOver) this.#unindexed.add(label)
    else this.#unindexed.forget(label)
    if (fits) this.#aside.delete(label)
    else this.#aside.add(label)
    this.#schedule()
  }

  remove(label: number): void {
    this.#generations.remove(label)
    this.#unindexed.forget(label)
    this.#aside.delete(label)
    this.#looked()
    if (this.#generations.isWaitingToRenew) this.#schedule()
  }

  /** Begins anew with another exact index, and with the graphs of its snapshot. */
  reset(exact: FlatIndex, loaded: readonly LoadedGraph[] = []): void {
    for (const { number } of this.#generations.all()) this.#hosting.host?.drop(number)
    this.#exact = exact
    this.#aside = new Set()
    this.#startOver(loaded.map(({ generation }) => generation))
    if (loaded.length > 0) this.#load(loaded)
  }

  /** A number that no graph has had. */
  newNumber(): number {
    return ++this.#lastNumber
  }

  /** Whether graphs are of use for so many vectors. */
  isNeededFor(size: number): boolean {
    return this.#hosting.host !== undefined || size >= this.#options.startSize
  }

  /** How many labels the graphs can find; 0 where it is better to compare all. */
  get covered(): number {
    if (this.#hosting.host === undefined || this.#sweep !== undefined || this.#blocked > 0) return 0
    const most = mostCompared(this.#exact.size, this.#options.dimensions)
    return this.#unindexed.size + this.#aside.size > most ? 0 : this.#generations.size
  }

  /** Labels of known vectors that are near, each once; undefined if no answer came. */
  async nearest(scaled: Float32Array, count: number): Promise<number[] | undefined> {
    const epoch = this.#epoch
    const asked = this.#generations.all().filter(({ size }) => size > 0)
    const questions = asked.map((each) => ({ graph: each.number, count: each.asking(count) }))
    const answers = await this.#hosting.host?.nearest(scaled, questions).catch(() => undefined)
    if (answers === undefined || this.#epoch !== epoch) return undefined
    const labels = new Set(asked.flatMap((each, at) => each.labelsOf(answers[at]!)))
    return [...labels].filter((label) => this.#exact.has(label))
  }

  /** Labels that no graph finds. */
  *uncovered(): Generator<number, void, void> {
    for (const label of this.#unindexed.labels()) if (!this.#generations.has(label)) yield label
    yield* this.#aside
  }

  /**
   * Has the graphs written. `changed` are labels that may not have the vector that is in the
   * snapshot. Where the host is dead there are none: the next opening builds them again.
   */
  async capture(changed: ReadonlySet<number>): Promise<WrittenGraphs> {
    const epoch = this.#epoch
    const { host } = this.#hosting
    const generations = host === undefined ? [] : this.#generations.all()
    this.#blocked++
    try {
      return await captureGraphs(this.#options.kind, host, generations, changed)
    } catch (error) {
      if (this.#epoch === epoch) throw error
      return captureGraphs(this.#options.kind, undefined, [], changed)
    } finally {
      this.#unblock(epoch)
    }
  }

  async close(): Promise<void> {
    this.#finish(indexIsClosed())
    await this.#hosting.close()
  }

  #startOver(loaded: readonly Generation[] = []): void {
    this.#epoch = {}
    this.#generations = new Generations(this.newNumber(), loaded)
    this.#unindexed = new Unindexed()
    this.#sweep = this.#exact.labels()
    this.#blocked = 0
    this.#isLoading = false
    this.#batches = 0
    this.#schedule()
  }

  #finish(error: WalError): void {
    this.#startOver()
    this.#isOver = true
    this.#sweep = undefined
    this.#turns.cancel()
    this.#watch.end(error)
  }

  async #load(loaded: readonly LoadedGraph[]): Promise<void> {
    const epoch = this.#epoch
    this.#blocked++
    this.#isLoading = true
    const host = this.#hosting.start(this.#ended)
    try {
      for (const { generation, file, entries } of loaded) {
        const found = await host.load(generation.number, file.path, generation.nextKey)
        if (found !== entries) throw new Error(`it holds ${found} vectors, not ${entries}`)
      }
      if (this.#epoch === epoch) this.#isLoading = false
    } catch (error) {
      if (this.#epoch !== epoch) return
      for (const { generation } of loaded) host.drop(generation.number)
      warnOfRebuilding(this.#options.kind, this.#exact.size, (error as Error).message)
      this.#startOver()
    } finally {
      for (const { file } of loaded) file.close()
      this.#unblock(epoch)
    }
  }

  #unblock(epoch: object): void {
    if (this.#epoch !== epoch) return
    this.#blocked--
    this.#schedule()
  }

  readonly #ended = ({ error, neverStarted }: HostEnd): void => {
    if (this.#isOver) return
    const { kind } = this.#options
    if (this.#hosting.isHopeless) {
      warnOfGivingUp(kind, this.#hosting.deaths, error)
      const message = `The graph of ${kind} could not be built: ${textOf(error)}. All vectors are compared.`
      this.#finish(new WalError('WALV_ENGINE', message, { cause: error }))
      return
    }
    if (!neverStarted) warnOfRestart(kind, this.#exact.size, error)
    this.#startOver()
  }

  #schedule(): void {
    if (this.#isOver || !this.isNeededFor(this.#exact.size)) return
    const canGather =
      this.#sweep === undefined &&
      !this.#generations.isCopying &&
      this.#unindexed.waiting < this.#batchVectors &&
      !this.#watch.isAwaited
    this.#turns.ask(canGather ? (this.#hosting.host?.gatherMs ?? 0) : 0)
  }

  #work(): void {
    if (this.#isOver) return
    if (this.#sweep) this.#sweepOn(this.#sweep)
    while (this.#blocked === 0 && this.#batches < MAX_BATCHES) {
      const batch = this.#nextBatch()
      if (batch === undefined) break
      this.#deliver(batch)
    }
    this.#looked()
    const mayCopy = this.#generations.isCopying && this.#blocked === 0 && this.#batches < MAX_BATCHES
    if (this.#sweep || mayCopy) this.#schedule()
  }

  #looked(): void {
    const { lag } = this
    if (this.#sweep) return
    if (lag === 0) this.#hosting.deaths = 0
    this.#watch.look(lag)
  }

  /** Looks on for labels that no graph has. */
  #sweepOn(sweep: IterableIterator<number>): void {
    const end = monotonicMs() + SWEEP_MS
    for (let looked = 1; looked % SWEEP_LABELS !== 0 || monotonicMs() < end; looked++) {
      const { value: label, done } = sweep.next()
      if (done) {
        this.#sweep = undefined
        return
      }
      if (this.#generations.has(label) || this.#unindexed.has(label) || this.#aside.has(label)) continue
      if (this.#options.scaling.fits(this.#exact.peek(label))) this.#unindexed.add(label)
      else this.#aside.add(label)
    }
  }

  #nextBatch(): Batch | undefined {
    const generations = this.#generations
    if (generations.isWaitingToRenew) {
      if (!generations.newest.isSettled) return undefined
      generations.renew(this.newNumber())
    }
    const oneByOne = this.#unindexed.hasSuspects
    // What is new is not to wait for all that is copied, nor the other way round.
    const most = this.#batchVectors
    const changed = this.#unindexed.next(generations.isCopying ? Math.ceil(most / 2) : most)
    const copies = oneByOne ? [] : generations.takeToCopy(most - changed.length)
    this.#dropUnneeded(0)
    const labels = [...changed, ...copies]
    if (labels.length === 0) return undefined
    const generation = generations.newest
    const firstKey = generation.reserve(labels.length)
    return { generation, firstKey, labels, copies: copies.length, oneByOne }
  }

  async #deliver(batch: Batch): Promise<void> {
    const epoch = this.#epoch
    const { generation, firstKey, labels, oneByOne } = batch
    const { dimensions, scaling } = this.#options
    const vectors = this.#buffers.pop() ?? new Float32Array(this.#batchVectors * dimensions)
    for (const [at, label] of labels.entries()) {
      const fits = scaling.write(this.#exact.peek(label), vectors, at * dimensions)
      assert(fits, 'a vector that no engine computes with is sent to one')
      this.#unindexed.send(label, firstKey + at)
    }
    this.#batches++
    const graph = generation.number
    const host = this.#hosting.start(this.#ended)
    try {
      const count = labels.length
      const outcome = await host.add({ graph, firstKey, count, dimensions, vectors, oneByOne })
      if (this.#buffers.length < MAX_BATCHES) this.#buffers.push(outcome.vectors)
      if (this.#epoch === epoch) this.#settle(batch, outcome)
    } catch (error) {
      // Of one that has died it is known already.
      if (this.#epoch === epoch) this.#fail(error as Error)
    }
  }

  #settle(batch: Batch, outcome: AddOutcome): void {
    const { generation, firstKey, labels, oneByOne, copies } = batch
    this.#batches--
    this.#workMs += outcome.tookMs ?? 0
    generation.settle(labels.length)
    const failed = new Set(outcome.failed)
    this.#refused = failed.size < labels.length ? 0 : this.#refused + failed.size
    if (oneByOne && this.#refused >= MAX_REFUSED) {
      this.#fail(new Error(outcome.problem ?? 'it takes no vector'))
      return
    }
    for (const [at, label] of labels.entries()) {
      const key = firstKey + at
      if (!this.#unindexed.arrive(label, key)) continue
      if (!failed.has(at)) this.#generations.adopt(generation, label, key)
      else this.#refuse(label, oneByOne)
    }
    this.#dropUnneeded(copies)
    this.#looked()
    this.#schedule()
  }

  /** The engine did not take it: alone, and then it is always compared, or with others. */
  #refuse(label: number, wasAlone: boolean): void {
    this.#generations.remove(label)
    if (wasAlone) this.#aside.add(label)
    else this.#unindexed.addSuspect(label)
  }

  #dropUnneeded(arrivedCopies: number): void {
    const number = this.#generations.copied(arrivedCopies)
    if (number !== undefined) this.#hosting.host?.drop(number)
  }

  /** A host that is of no use is as good as dead. */
  #fail(error: Error): void {
    this.#hosting.close()
    this.#hosting.deaths++
    this.#ended({ error, neverStarted: false })
  }
}
