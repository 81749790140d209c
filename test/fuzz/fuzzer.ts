import { Random } from '../../src/testing/random.ts'
import type { Coverage, Look } from './coverage.ts'
import type { Target } from './target.ts'

/**
 * Inputs between two looks at what code ran. A look may take longer than many inputs: then there
 * are more of them.
 */
const MIN_BATCH = 16
const MAX_BATCH = 1024
/** The part of the time that looks may take. */
const LOOK_SHARE = 0.2
/** What an input may cost whatever its length, as if it had so many bytes more. */
const BASE_BYTES = 2048
/** The chance that an input is made of one of the newest, which nobody has tried much yet. */
const NEWEST_CHANCE = 0.3
const NEWEST = 8

/** What stopped a run. */
export interface Finding {
  readonly input: Uint8Array
  readonly error: Error
}

export interface FuzzOptions {
  readonly seed: number
  /** Answers whether to go on after so many inputs. */
  readonly goOn: (executions: number) => boolean
  /** Without it, only words make an input interesting. */
  readonly coverage?: Coverage
  /** Told of every input before it is run. */
  readonly onInput?: (input: Uint8Array) => void
  /** Steps that a byte of an input may cost, where they are counted. */
  readonly maxStepsPerByte?: number
}

/**
 * Runs a target with input after input, each made of others, and keeps those that did something
 * new. Equal seeds make equal inputs, but for what coverage keeps.
 */
export class Fuzzer {
  readonly #target: Target
  readonly #options: FuzzOptions
  readonly #random: Random
  readonly corpus: Uint8Array[] = []
  readonly words: Set<string> = new Set()
  executions = 0
  /** The most that a byte of one input cost, of those that were looked at alone. */
  stepsPerByte = 0
  #batch = MIN_BATCH
  /** Of so many inputs, all steps. */
  #steps = 0
  #looked = 0

  constructor(target: Target, options: FuzzOptions) {
    this.#target = target
    this.#options = options
    this.#random = new Random(options.seed)
  }

  async run(): Promise<Finding | undefined> {
    let inputs = await this.#target.seeds()
    this.corpus.push(...inputs)
    for (;;) {
      const finding = await this.#runAll(inputs)
      if (finding || !this.#options.goOn(this.executions)) return finding
      inputs = Array.from({ length: this.#batch }, () => this.#next())
    }
  }

  #next(): Uint8Array {
    const { corpus } = this
    const random = this.#random
    const newest = random.chance(NEWEST_CHANCE) ? corpus.slice(-NEWEST) : corpus
    return this.#target.mutate(random, random.pick(newest), random.pick(corpus))
  }

  /** Keeps the input if it made a new word. */
  async #try(input: Uint8Array): Promise<Finding | undefined> {
    this.#options.onInput?.(input)
    this.executions++
    const before = this.words.size
    try {
      for (const word of await this.#target.run(input)) this.words.add(word)
    } catch (error) {
      return { input, error: error as Error }
    }
    if (this.words.size > before) this.corpus.push(input)
    return undefined
  }

  /**
   * Where inputs ran new code, or too much of it, each half of them is run once more, to see which
   * it was.
   */
  async #runAll(inputs: readonly Uint8Array[]): Promise<Finding | undefined> {
    const started = performance.now()
    for (const input of inputs) {
      const finding = await this.#try(input)
      if (finding) return finding
    }
    const { coverage } = this.#options
    if (!coverage) return undefined
    const ran = performance.now()
    const look = coverage.look(inputs.length === 1)
    if (inputs.length === 1) return this.#judge(inputs[0]!, look)
    if (inputs.length >= MIN_BATCH) this.#adjust(performance.now() - ran, ran - started)
    const usual = (this.#steps / this.#looked) * inputs.length
    this.#steps += look.steps
    this.#looked += inputs.length
    if (!look.isNew && look.steps <= this.#maxSteps(0) + 2 * usual) return undefined
    const middle = inputs.length >> 1
    return (await this.#runAll(inputs.slice(0, middle))) ?? this.#runAll(inputs.slice(middle))
  }

  #adjust(lookMs: number, runMs: number): void {
    if (lookMs > LOOK_SHARE * (lookMs + runMs)) this.#batch = Math.min(MAX_BATCH, this.#batch + MIN_BATCH)
    else this.#batch = Math.max(MIN_BATCH, this.#batch - 1)
  }

  #maxSteps(bytes: number): number {
    return (this.#options.maxStepsPerByte ?? Number.POSITIVE_INFINITY) * (BASE_BYTES + bytes)
  }

  #judge(input: Uint8Array, { isNew, steps }: Look): Finding | undefined {
    if (isNew) this.corpus.push(input)
    this.stepsPerByte = Math.max(this.stepsPerByte, steps / (BASE_BYTES + input.length))
    if (steps <= this.#maxSteps(input.length)) return undefined
    return { input, error: new Error(`${steps} steps for ${input.length} bytes`) }
  }
}
