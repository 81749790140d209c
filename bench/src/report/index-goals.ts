import { differenceOf, type Find, figureOf, type Goal, largestOf, ratioOf } from './goal.ts'

const WAL_QUICK_AND_LONG = ['quick', 'long']
const SQLITE_VEC = 'sqlite-vec, transactions of 256'

const inserts = (dimensions: number, what: string, against: string, goal: number): Goal => ({
  what: `DurableIndex with ${what}, ${dimensions}-d, 256 in flight, small metadata`,
  against,
  goal,
  sense: 'at least',
  unit: '×',
  scenario: 'goal-inserts',
  measure: ({ row }) => {
    const variant = `${dimensions} dimensions`
    return ratioOf(row(what, variant), row(against, variant), 'rate')
  },
})

const log = (run: string, against: string, goal: number, judged: Goal['judged'] = 'median'): Goal => ({
  what: `Wal, 768-d, 256 in flight, a ${run} run${judged === 'min' ? ', each repetition' : ''}`,
  against,
  goal,
  sense: 'at least',
  unit: '×',
  scenario: 'goal-log',
  judged,
  measure: ({ row }) => ratioOf(row('walv', run), row(against, run), 'rate'),
})

/** One goal for each variant that was run. */
const perVariant = ({ rows }: Find): string[] => [...new Set(rows().map(({ variant }) => variant))]

const search = (against: string, goal: number): Goal => ({
  what: 'exact search, k = 10, the worst of the sizes',
  against,
  goal,
  sense: 'at most',
  unit: '×',
  scenario: 'goal-search',
  measure: (find) =>
    largestOf(
      perVariant(find).map((variant) => ratioOf(find.row('flat', variant), find.row(against, variant), 'ms')),
    ),
})

const delay = (key: string, what: string, figure: 'P99' | 'Max', goal: number): Goal => ({
  what: `delay of the event loop, usearch, ${what}, ${figure === 'P99' ? 'p99' : 'longest'}`,
  against: '',
  goal,
  sense: 'at most',
  unit: 'ms',
  scenario: 'goal-life',
  measure: ({ row }) => figureOf(row('first answer', 'usearch'), `${key}${figure}Ms`),
})

const killed = (engine: string): Goal[] => {
  const base = { unit: '', scenario: 'goal-life', sense: 'at most' } as const
  const first = ({ row }: Find): ReturnType<Find['row']> => row('first answer', engine)
  return [
    {
      ...base,
      what: `first answer after SIGKILL, ${engine}`,
      against: 'a plain read of the same bytes',
      goal: 3,
      unit: '×',
      measure: (find) => ratioOf(first(find), find.row('plain read', engine), 'ms'),
    },
    {
      ...base,
      what: `recall@10 at once after SIGKILL, ${engine}`,
      against: '',
      goal: 0.99,
      sense: 'at least',
      measure: (find) => figureOf(first(find), 'recall'),
    },
    {
      ...base,
      what: `peak of memory until the first answer, ${engine}`,
      against: 'the open index',
      goal: 1.3,
      unit: '×',
      measure: (find) => figureOf(first(find), 'memoryRatio'),
    },
  ]
}

/** What an index that never stops its process has to reach. */
export const INDEX_GOALS: readonly Goal[] = [
  ...[128, 768].flatMap((dimensions) => [
    inserts(dimensions, 'flat', 'Wal', 0.7),
    inserts(dimensions, 'usearch', 'flat', 0.9),
    inserts(dimensions, 'flat', 'lmdb', 1.3),
    inserts(dimensions, 'flat', SQLITE_VEC, 4),
  ]),
  ...WAL_QUICK_AND_LONG.flatMap((run) => [
    log(run, 'lmdb', 2),
    log(run, 'lmdb', 1.5, 'min'),
    log(run, 'raw-async, into new files, writing ahead', 0.9),
  ]),
  {
    what: 'processor time of a call, all at once, the worst of the sizes',
    against: 'the same number, 256 in flight',
    goal: 1.3,
    sense: 'at most',
    unit: '×',
    scenario: 'goal-calls',
    measure: (find) =>
      largestOf(
        perVariant(find).map((variant) =>
          ratioOf(find.row('all at once', variant), find.row('256 in flight', variant), 'cpuUsPerRecord'),
        ),
      ),
  },
  {
    what: 'insertMany, 128-d',
    against: 'Wal, batches of 256',
    goal: 0.7,
    sense: 'at least',
    unit: '×',
    scenario: 'goal-many',
    measure: ({ row }) => ratioOf(row('insertMany'), row('Wal, batches of 256'), 'rate'),
  },
  {
    what: 'memory of insertMany',
    against: 'a process with the bare index',
    goal: 64,
    sense: 'at most',
    unit: 'MB',
    scenario: 'goal-many',
    measure: ({ row }) => differenceOf(row('insertMany'), row('the bare index'), 'peakRssMb'),
  },
  search('usearch, exact, one thread', 1),
  search('sqlite-vec, in memory', 0.25),
  ...(
    [
      ['insert', 'inserting at full speed'],
      ['search', 'searching'],
      ['checkpoint', 'during a checkpoint'],
      ['open', 'while opening catches up'],
    ] as const
  ).flatMap(([key, what]) => [delay(key, what, 'P99', 10), delay(key, what, 'Max', 50)]),
  ...killed('flat'),
  ...killed('usearch'),
  ...(['a follower', 'a member'] as const).map(
    (reader): Goal => ({
      what: `from the acknowledgement to where ${reader} shows it, under full load, p99`,
      against: '',
      goal: 50,
      sense: 'at most',
      unit: 'ms',
      scenario: 'goal-follow',
      measure: ({ row }) => figureOf(row(reader), 'p99Ms'),
    }),
  ),
  {
    what: 'openAt, behind the last checkpoint',
    against: 'an ordinary opening',
    goal: 1,
    sense: 'at most',
    unit: '×',
    scenario: 'goal-past',
    measure: ({ row }) => ratioOf(row('openAt'), row('ordinary opening'), 'ms'),
  },
  {
    what: 'fork, with 1,000 changes since the checkpoint',
    against: '',
    goal: 1000,
    sense: 'at most',
    unit: 'ms',
    scenario: 'goal-past',
    measure: ({ row }) => figureOf(row('fork'), 'ms'),
  },
  ...(
    [
      ['median', 'ms'],
      ['longest', 'longestMs'],
    ] as const
  ).map(
    ([what, key]): Goal => ({
      what: `from the kill of the leader to the next acknowledgement, ${what}, the larger of the sizes`,
      against: '',
      goal: 500,
      sense: 'at most',
      unit: 'ms',
      scenario: 'goal-takeover',
      measure: (find) =>
        largestOf(perVariant(find).map((variant) => figureOf(find.row('takeover', variant), key))),
    }),
  ),
  {
    what: 'opening within recoveryBudgetMs after SIGKILL under load',
    against: 'all kills',
    goal: 0.995,
    sense: 'at least',
    unit: '×',
    scenario: 'recovery-budget',
    measure: ({ rows }) => figureOf(rows()[0], 'within'),
  },
  {
    what: 'how far off what was predicted of it is, for nine of ten',
    against: 'what it took',
    goal: 0.25,
    sense: 'at most',
    unit: '×',
    scenario: 'recovery-budget',
    measure: ({ rows }) => figureOf(rows()[0], 'p90Error'),
  },
  {
    what: 'longest insert while a checkpoint is taken',
    against: 'the longest without, the same load',
    goal: 1.5,
    sense: 'at most',
    unit: '×',
    scenario: 'goal-checkpoint',
    measure: ({ rows }) => figureOf(rows()[0], 'longestRatio'),
  },
  {
    what: 'memory of a vector, usearch, 768-d, i8 copies',
    against: 'its numbers',
    goal: 1.5,
    sense: 'at most',
    unit: '×',
    scenario: 'goal-memory',
    measure: ({ rows }) => figureOf(rows()[0], 'memoryRatio'),
  },
]
