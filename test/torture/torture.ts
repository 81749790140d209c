/** Kills processes in the midst of everything that the engine does, and checks what they leave. */
import { rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Random } from '../../src/testing/random.ts'
import type { Task } from './child.ts'
import { Conversion } from './conversion.ts'
import { DamagedLog } from './damaged.ts'
import { Life } from './life.ts'
import type { Told } from './told.ts'
import { type Aim, Victim } from './victim.ts'
import type { WorkTask } from './work.ts'

export type Phase =
  | 'writing'
  | 'rotation'
  | 'checkpoint'
  | 'retention'
  | 'transactions'
  | 'recovery'
  | 'repair'
  | 'convert to v1'
  | 'convert to v2'

/**
 * When to strike for each phase: the line that tells of it, which time it is told at most, and how
 * much later at most.
 */
const AIMS: Readonly<Record<Phase, readonly [line: string, times: number, delayMs: number]>> = {
  writing: ['-opening', 1, 40],
  rotation: ['+rotation', 10, 1],
  checkpoint: ['+checkpoint', 8, 5],
  retention: ['+retention', 6, 0.5],
  transactions: ['-opening', 1, 40],
  recovery: ['+opening', 1, 20],
  repair: ['+repair', 1, 15],
  'convert to v1': ['+convert to v1', 1, 60],
  'convert to v2': ['+convert to v2', 1, 60],
}

export const PHASES = Object.keys(AIMS) as Phase[]

export interface Figures {
  readonly seed: number
  readonly rounds: number
  /** Processes that ended by themselves before they were struck. */
  readonly survived: number
  /** How many processes were killed in the midst of each; one may be in the midst of several. */
  readonly killed: Readonly<Record<Phase, number>>
  /**
   * Steps that were acknowledged, as far as they were told, and steps that were found after the
   * kill.
   */
  readonly acknowledged: number
  readonly recovered: number
  readonly directories: number
  readonly durationMs: number
}

export interface TortureOptions {
  readonly rounds: number
  readonly seed: number
  readonly onRound?: (round: number) => void
  /** Works on indexes with a graph in a thread, which ends now and then. Default: on flat ones. */
  readonly graphs?: boolean
  /** Leaves what a failed round worked on, for a look at it. */
  readonly keep?: boolean
}

/** A phase that was not hit by chance is aimed at so often in addition. */
const MAX_MORE_ROUNDS = 50
/**
 * Records of many sizes: a few within a sector, about one a page, some that take more than a
 * quarter of a small segment.
 */
const LENGTHS = [
  [1, 10, 100],
  [500, 1_000, 3_000],
  [1, 10, 100, 20_000],
]
/** A directory is given up for a new one. */
const MAX_ROUNDS_OF_LIFE = 10
const MAX_RECORDS_OF_LIFE = 3_000
/** Then a repair may come to its end. */
const MAX_REPAIRS = 4

/**
 * Goes through `rounds` kills, and as many more as it takes until each phase was hit.
 * @throws with the seed, the round and what was wrong
 */
export async function torture(options: TortureOptions): Promise<Figures> {
  const directory = await mkdtemp(join(tmpdir(), 'walv-torture-'))
  const clean = (): void => rmSync(directory, { recursive: true, force: true })
  process.once('exit', clean)
  const run = new Torture(directory, options)
  try {
    const figures = await run.run(options)
    clean()
    return figures
  } catch (error) {
    if (!options.keep) clean()
    const place = options.keep ? `; see ${directory}` : ''
    throw new Error(
      `round ${run.rounds} of seed ${options.seed}, ${run.story}${place}: ${(error as Error).message}`,
      {
        cause: error,
      },
    )
  } finally {
    process.off('exit', clean)
    await run.dispose()
  }
}

class Torture {
  rounds = 0
  /** What the round is about. */
  story = ''
  readonly #directory: string
  readonly #seed: number
  readonly #graphs: boolean
  readonly #random: Random
  readonly #killed = Object.fromEntries(PHASES.map((phase) => [phase, 0])) as Record<Phase, number>
  #next = new Victim()
  #life: Life | undefined
  #roundsOfLife = 0
  #damaged: DamagedLog | undefined
  #repairs = 0
  #conversion: Conversion | undefined
  #directories = 0
  #survived = 0
  #acknowledged = 0
  #recovered = 0

  constructor(directory: string, { seed, graphs = false }: TortureOptions) {
    this.#directory = directory
    this.#graphs = graphs
    this.#seed = seed
    this.#random = new Random(seed)
  }

  async run({ rounds, onRound }: TortureOptions): Promise<Figures> {
    const started = performance.now()
    while (this.rounds < rounds + MAX_MORE_ROUNDS) {
      const missing = PHASES.find((phase) => this.#killed[phase] === 0)
      if (this.rounds >= rounds && missing === undefined) break
      await this.#round(this.rounds < rounds ? PHASES[this.rounds % PHASES.length]! : missing!)
      this.rounds++
      onRound?.(this.rounds)
    }
    await this.#endLife()
    return {
      seed: this.#seed,
      rounds: this.rounds,
      survived: this.#survived,
      killed: this.#killed,
      acknowledged: this.#acknowledged,
      recovered: this.#recovered,
      directories: this.#directories,
      durationMs: performance.now() - started,
    }
  }

  dispose(): Promise<void> {
    return this.#next.dispose()
  }

  #round(phase: Phase): Promise<void> {
    if (phase === 'repair') return this.#repair()
    if (phase === 'convert to v1' || phase === 'convert to v2') return this.#convert(phase)
    return this.#work(phase)
  }

  async #work(phase: Phase): Promise<void> {
    if (
      this.#roundsOfLife++ === MAX_ROUNDS_OF_LIFE ||
      (this.#life?.oracle.records.length ?? 0) > MAX_RECORDS_OF_LIFE
    ) {
      await this.#endLife()
    }
    this.#life ??= new Life(this.#newDirectory('log'))
    const task = this.#workTask(phase, this.#life.directory)
    const told = await this.#strike(task, phase)
    this.#acknowledged += (told.acknowledged.at(-1)?.step ?? -1) + 1
    this.#recovered += await this.#life.check(task, told)
  }

  #workTask(phase: Phase, directory: string): WorkTask {
    const random = this.#random
    const KIB = 1024
    return {
      do: 'work',
      directory,
      diet: {
        seed: random.next(),
        lengths: random.pick(LENGTHS),
        slots: phase === 'transactions' ? 4 : random.pick([0, 1, 4]),
      },
      graph: this.#graphs,
      window: random.pick([1, 16, 256]),
      checkpoints: phase === 'checkpoint' || phase === 'retention' || random.chance(0.2),
      durability: random.pick(['commit', 'commit', 'os', { intervalMs: 5 }]),
      segmentMaxBytes: random.pick([64 * KIB, 64 * KIB, 1024 * KIB]),
      checkpointRetention: phase === 'retention' ? 1 : random.pick([1, 2]),
    }
  }

  async #endLife(): Promise<void> {
    await this.#life?.settle()
    if (this.#life) await rm(this.#life.directory, { recursive: true })
    this.#life = undefined
    this.#roundsOfLife = 0
  }

  async #repair(): Promise<void> {
    this.#damaged ??= await this.#damage()
    const { directory } = this.#damaged
    await this.#strike({ do: 'repair', directory }, 'repair')
    await this.#damaged.check()
    if (++this.#repairs < MAX_REPAIRS && !(await this.#damaged.isRepaired())) return
    await this.#damaged.settle()
    this.#damaged = undefined
    this.#repairs = 0
    await rm(directory, { recursive: true })
  }

  async #damage(): Promise<DamagedLog> {
    for (;;) {
      const directory = this.#newDirectory('damaged')
      const made = this.#life && (await DamagedLog.make(this.#life, directory, this.#random))
      if (made) return made
      await rm(directory, { recursive: true, force: true })
      await this.#work('writing')
    }
  }

  async #convert(what: 'convert to v1' | 'convert to v2'): Promise<void> {
    this.#conversion ??= await Conversion.make(this.#newDirectory('conversion'), this.#random.next())
    const task = this.#conversion.task(what, this.#newDirectory('converted'))
    const told = await this.#strike(task, what)
    await this.#conversion.check(task, told.begun.has(what) && !told.under.has(what))
    await rm(task.to, { recursive: true, force: true })
  }

  /**
   * Gives the waiting process its task, kills it, and lets the next one start while the directory
   * is looked at.
   */
  async #strike(task: Task, phase: Phase): Promise<Told> {
    const [line, times, delayMs] = AIMS[phase]
    const random = this.#random
    const aim: Aim = { line, time: 1 + random.below(times), delayMs: (random.next() / 2 ** 32) * delayMs }
    this.story = `${JSON.stringify(task)}, to be killed ${aim.delayMs.toFixed(1)} ms after ${aim.line}, time ${aim.time}`
    const { told, killed } = await this.#next.run(task, aim)
    this.#next = new Victim()
    this.story += killed ? `, killed in the midst of ${[...told.under].join(', ')}` : ', survived'
    if (!killed) this.#survived++
    else for (const hit of phasesOf(told)) this.#killed[hit]++
    return told
  }

  #newDirectory(name: string): string {
    return join(this.#directory, `${name}-${++this.#directories}`)
  }
}

/**
 * What a process was in the midst of. Until its log is open, all that it does is recovery or
 * repair.
 */
function phasesOf({ under }: Told): Phase[] {
  if (under.has('opening')) return [under.has('repair') ? 'repair' : 'recovery']
  const hit = PHASES.filter((phase) => under.has(phase))
  return [...under].some((name) => name.startsWith('transaction ')) ? [...hit, 'transactions'] : hit
}
