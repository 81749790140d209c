/**
 * Works through a stream of steps on an index, with many in flight, and tells what is acknowledged.
 */
import { setImmediate as tick } from 'node:timers/promises'
import { type Durability, DurableIndex, flat, type IndexTransaction } from '../../src/mod.ts'
import { graphIndex } from './graph-index.ts'
import { DIMENSIONS, type Diet, memberOf, type Step, steps } from './stream.ts'
import { type Acknowledged, tell, tellFacts } from './told.ts'
import { watchedDisk } from './watched-disk.ts'

export interface WorkTask {
  readonly do: 'work'
  readonly directory: string
  readonly diet: Diet
  /** Whether the index has a graph, whose thread ends now and then. */
  readonly graph?: boolean
  /** Most steps in flight. */
  readonly window: number
  /** Takes one checkpoint after the other all the while. */
  readonly checkpoints: boolean
  readonly durability: Durability
  readonly segmentMaxBytes: number
  readonly checkpointRetention: number
  /** Ends the process there, as a program does that forgets to close. */
  readonly exitsAtStep?: number
}

/** A process that nobody kills ends its work, and closes. */
const MAX_STEPS = 2_000

export async function work({
  diet,
  graph,
  window,
  checkpoints,
  exitsAtStep,
  do: _,
  ...options
}: WorkTask): Promise<void> {
  tell('+opening')
  const index = await DurableIndex.open({
    ...options,
    disk: watchedDisk,
    index: graph ? graphIndex(DIMENSIONS) : flat({ dimensions: DIMENSIONS, metric: 'l2' }),
    checkpointIntervalEntries: false,
  })
  tellFacts({ opened: { lastSeq: index.recovery.lastSeq, fingerprint: index.fingerprint() } })
  tell('-opening')
  const worker = new Worker(index, window)
  const checkpointing = checkpoints ? worker.takeCheckpoints() : undefined
  await worker.work(steps(diet), exitsAtStep)
  await checkpointing
  await index.close()
}

/** A transaction that waits to be told how it ends. */
interface Open {
  readonly scope: IndexTransaction
  readonly end: (commits: boolean) => void
  readonly ended: Promise<void>
}

class Worker {
  readonly #index: DurableIndex
  readonly #window: number
  readonly #open = new Map<number, Open>()
  #inFlight = 0
  #someAnswered: (() => void) | undefined
  #working = true
  #acknowledged: Acknowledged | undefined

  constructor(index: DurableIndex, window: number) {
    this.#index = index
    this.#window = window
  }

  async work(stream: Iterator<Step, never>, exitsAtStep?: number): Promise<void> {
    for (let step = 0; step < MAX_STEPS; step++) {
      if (step === exitsAtStep) process.exit()
      while (this.#inFlight >= this.#window) await this.#answer()
      await this.#perform(step, stream.next().value)
    }
    while (this.#inFlight > 0) await this.#answer()
    this.#working = false
  }

  async takeCheckpoints(): Promise<void> {
    while (this.#working) {
      tell('+checkpoint')
      await this.#index.checkpoint()
      tell('-retention')
      tell('-checkpoint')
      await tick()
    }
  }

  #answer(): Promise<void> {
    return new Promise((resolve) => {
      this.#someAnswered = resolve
    })
  }

  /**
   * Everything up to the submission is synchronous, or nothing else is submitted meanwhile: the
   * stream's order is the log's.
   */
  async #perform(index: number, step: Step): Promise<void> {
    if (step.do === 'begin') this.#begin(step.slot)
    else if (step.do === 'add') add(this.#open.get(step.slot)!.scope, step)
    else if (step.do === 'end') {
      const { end, ended } = this.#open.get(step.slot)!
      this.#open.delete(step.slot)
      end(step.commits)
      // The commit is on its way when the work of the transaction has returned.
      await tick()
      this.#await(ended, { step: index }, () => tell(`-transaction ${step.slot}`))
    } else this.#await(this.#submit(step), { step: index, seq: this.#index.stats().lastSeq })
  }

  async #submit(step: Step): Promise<void> {
    const entry = memberOf(step)!
    if (entry.type === 'batch') await this.#index.batch(entry.entries)
    else if (entry.type === 'insert') await this.#index.upsert(entry.id, entry.vector, entry.metadata)
    else if (!(await this.#index.delete((entry as { id: string }).id)))
      throw new Error('there was nothing to delete')
  }

  #begin(slot: number): void {
    let scope: IndexTransaction
    let end: (commits: boolean) => void
    const ended = this.#index
      .transaction(async (transaction) => {
        scope = transaction
        const commits = await new Promise<boolean>((resolve) => {
          end = resolve
        })
        if (!commits) throw ABORT
      })
      .catch((error) => {
        if (error !== ABORT) throw error
      })
    this.#open.set(slot, { scope: scope!, end: end!, ended })
    tell(`+transaction ${slot}`)
  }

  #await(answered: Promise<void>, acknowledged: Acknowledged, then = () => {}): void {
    if (this.#inFlight++ === 0) tell('+writing')
    answered.then(() => {
      this.#acknowledge(acknowledged)
      then()
      if (--this.#inFlight === 0) tell('-writing')
      this.#someAnswered?.()
    })
  }

  /** Many answers come at once, and what is in the log has all before it: the last tells of all. */
  #acknowledge(acknowledged: Acknowledged): void {
    if (this.#acknowledged === undefined) process.nextTick(() => this.#tellAcknowledged())
    if (acknowledged.step > (this.#acknowledged?.step ?? -1)) this.#acknowledged = acknowledged
  }

  #tellAcknowledged(): void {
    tellFacts({ acknowledged: this.#acknowledged! })
    this.#acknowledged = undefined
  }
}

const ABORT = new Error('the transaction is aborted on purpose')

function add(scope: IndexTransaction, { change: { id, put } }: Extract<Step, { do: 'add' }>): void {
  if (put) scope.upsert(id, put.vector, put.metadata)
}
