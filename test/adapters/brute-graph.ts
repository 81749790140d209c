import { readFileSync, writeFileSync } from 'node:fs'
import type { Graph, GraphEngine } from '../../src/adapters/graph/graph.ts'

/** A graph that finds the true nearest under l2, and fails when it is told to. */
export class BruteGraph implements Graph {
  #vectors: [key: number, vector: readonly number[]][] = []
  /** How many calls of `add` still succeed. */
  static addsLeft: number = Number.POSITIVE_INFINITY
  static made = 0
  /** Vectors that begin so are not taken. */
  static readonly refused: Set<number> = new Set()

  constructor() {
    BruteGraph.made++
  }

  get entries(): number {
    return this.#vectors.length
  }

  add(key: number, vector: Float32Array): void {
    if (BruteGraph.addsLeft-- <= 0) throw new Error('out of memory')
    if (BruteGraph.refused.has(vector[0]!)) throw new Error('a vector that will not do')
    const last = this.#vectors.at(-1)?.[0] ?? -1
    if (key <= last) throw new Error(`key ${key} comes after ${last}`)
    this.#vectors.push([key, [...vector]])
  }

  nearest(vector: Float32Array, count: number): number[] {
    if (count < 1 || count > this.entries) throw new Error(`${count} of ${this.entries} are asked for`)
    const distances = this.#vectors.map(([key, each]) => [key, distance(each, vector)] as const)
    const nearest = distances.sort(([, a], [, b]) => a - b).slice(0, count)
    return nearest.map(([key]) => key)
  }

  save(path: string): void {
    writeFileSync(path, JSON.stringify(this.#vectors))
  }

  load(path: string): void {
    this.#vectors = JSON.parse(readFileSync(path, 'utf8'))
  }
}

const distance = (a: readonly number[], b: Float32Array): number =>
  a.reduce((sum, x, at) => sum + (x - b[at]!) ** 2, 0)

export const bruteEngine: GraphEngine = {
  kind: 'brute',
  description: { version: 1 },
  maxNorm: 1e18,
  make: () => new BruteGraph(),
}
