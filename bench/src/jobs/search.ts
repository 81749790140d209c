import type { Job, Metrics } from '../job.ts'
import { bytesOf } from '../peers/peer.ts'
import { randomVectors } from '../records.ts'
import { quantile } from '../statistics.ts'

export interface SearchJob extends Job {
  readonly engine: 'flat' | 'flat-half' | 'flat-hundredth' | 'usearch' | 'sqlite-vec'
  readonly records: number
  readonly searches: number
}

const K = 10
const QUERIES = 20
const CHECKED = 5

export interface SearchManyJob extends Job {
  readonly records: number
  /** Queries that are asked together. */
  readonly together: number
  readonly queries: number
}

/** Labels, nearest first. */
type Search = (query: Float32Array) => Promise<number[]> | number[]

/**
 * Exact nearest neighbours by cosine distance: how long one search takes. What an engine answers is
 * compared with the definition first.
 */
export async function search(job: SearchJob): Promise<Metrics> {
  const vectors = randomVectors(job.records, job.dimensions)
  const queries = randomVectors(QUERIES, job.dimensions, 2)
  const accept = acceptOf(job.engine)
  const start = performance.now()
  const find = await engineOf(job, vectors, accept)
  const buildMs = performance.now() - start
  for (const query of queries.slice(0, CHECKED))
    check(await find(query), nearest(query, vectors, accept), job.engine)
  const times: number[] = []
  for (let i = 0; i < job.searches; i++) {
    const before = performance.now()
    await find(queries[i % QUERIES]!)
    times.push(performance.now() - before)
  }
  times.sort((a, b) => a - b)
  return { ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99), buildMs }
}

/**
 * Several queries at a time, of a flat index. What the first of them are answered is compared with
 * what a search for each answers.
 */
export async function searchMany({
  dimensions,
  records,
  together,
  queries,
}: SearchManyJob): Promise<Metrics> {
  const { flat } = await import('walv')
  const index = flat({ dimensions, metric: 'cosine' })
  for (const [label, vector] of randomVectors(records, dimensions).entries()) index.set(label, vector)
  const asked = randomVectors(together, dimensions, 2)
  const ask = (): Promise<unknown> | unknown =>
    together === 1 ? index.search(asked[0]!, K) : index.searchMany!(asked, K)
  if (together > 1) {
    const single = await Promise.all(asked.map((query) => index.search(query, K)))
    if (JSON.stringify(await ask()) !== JSON.stringify(single)) throw new Error('together they differ')
  }
  const times: number[] = []
  const before = process.cpuUsage()
  for (let done = 0; done < queries; done += together) {
    const start = performance.now()
    await ask()
    times.push((performance.now() - start) / together)
  }
  const { user, system } = process.cpuUsage(before)
  times.sort((a, b) => a - b)
  return { rate: 1000 / quantile(times, 0.5), cpuMs: (user + system) / 1000 / queries }
}

function acceptOf(engine: SearchJob['engine']): ((label: number) => boolean) | undefined {
  if (engine === 'flat-half') return (label) => label % 2 === 0
  if (engine === 'flat-hundredth') return (label) => label % 100 === 0
  return undefined
}

function engineOf(
  job: SearchJob,
  vectors: readonly Float32Array[],
  accept: ((label: number) => boolean) | undefined,
): Promise<Search> {
  if (job.engine === 'usearch') return usearch(job, vectors)
  if (job.engine === 'sqlite-vec') return sqliteVec(job, vectors)
  return flatIndex(job, vectors, accept)
}

async function flatIndex(
  { dimensions }: SearchJob,
  vectors: readonly Float32Array[],
  accept: ((label: number) => boolean) | undefined,
): Promise<Search> {
  const { flat } = await import('walv')
  const index = flat({ dimensions, metric: 'cosine' })
  for (const [label, vector] of vectors.entries()) index.set(label, vector)
  return async (query) => (await index.search(query, K, accept)).map(({ label }) => label)
}

async function usearch(
  { dimensions, records }: SearchJob,
  vectors: readonly Float32Array[],
): Promise<Search> {
  const { exactSearch, MetricKind } = await import('usearch')
  const all = new Float32Array(records * dimensions)
  for (const [label, vector] of vectors.entries()) all.set(vector, label * dimensions)
  return (query) => {
    const { keys } = exactSearch(all, query, dimensions, K, MetricKind.Cos, 1)
    return Array.from(keys, Number)
  }
}

async function sqliteVec({ dimensions }: SearchJob, vectors: readonly Float32Array[]): Promise<Search> {
  const { default: Database } = await import('better-sqlite3')
  const { load } = await import('sqlite-vec')
  const database = new Database(':memory:')
  load(database)
  database.exec(`CREATE VIRTUAL TABLE v USING vec0 (vector FLOAT[${dimensions}] distance_metric=cosine)`)
  const insert = database.prepare('INSERT INTO v (rowid, vector) VALUES (?, ?)')
  database.transaction(() => {
    for (const [label, vector] of vectors.entries()) insert.run(BigInt(label), bytesOf(vector))
  })()
  const select = database.prepare(`SELECT rowid FROM v WHERE vector MATCH ? AND k = ${K}`)
  return (query) => (select.all(bytesOf(query)) as { rowid: number }[]).map(({ rowid }) => rowid)
}

function nearest(
  query: Float32Array,
  vectors: readonly Float32Array[],
  accept: (label: number) => boolean = () => true,
): number[] {
  const labels = [...vectors.keys()].filter(accept)
  const distances = vectors.map(
    (vector) => 1 - dot(query, vector) / Math.sqrt(dot(query, query) * dot(vector, vector)),
  )
  return labels.sort((a, b) => distances[a]! - distances[b]!).slice(0, K)
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}

/** Nearly equal distances may stand in another order, so one label may differ. */
function check(found: readonly number[], expected: readonly number[], engine: string): void {
  const missing = expected.filter((label) => !found.includes(label))
  if (missing.length > 1) throw new Error(`${engine} answers ${found}, not ${expected}`)
}
