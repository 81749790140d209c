import assert from 'node:assert/strict'
import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  alter,
  appendAll,
  brief,
  collect,
  type Damage,
  FailingDisk,
  frameOf,
  idsIn,
  insert,
  insertOf,
  names,
  openWal,
  type RecoveryPolicy,
  refusal,
  segmentsIn,
  temporaryDirectory,
  Wal,
  type WalError,
  writeLog,
} from '../../support/kit.ts'

const KIB = 1024

/** Nine inserts in three segments, closed in order. */
async function threeSegments(t: TestContext): Promise<{ directory: string; paths: string[] }> {
  const directory = await temporaryDirectory(t)
  await using wal = await Wal.open({ directory, segmentMaxBytes: 256 * KIB })
  for (const id of names('id', 9)) await wal.append(insertOf(id, 80_000))
  await wal.close()
  return { directory, paths: await segmentsIn(directory) }
}

interface Scenario {
  readonly about: string
  readonly damage: (paths: readonly string[]) => Promise<unknown>
  /** What is named, in `brief` form. */
  readonly named: readonly string[]
  /** Which of the nine records are lost. */
  readonly lost: readonly number[]
}

const flip = (path: string, at: (content: Buffer) => number): Promise<void> =>
  alter(path, (content) => {
    content[at(content)]! ^= 0x10
    return content
  })

const scenarios: Scenario[] = [
  {
    about: 'a byte in the middle of a record',
    damage: ([, second]) => flip(second!, (content) => frameOf(content, 'id-4', 20_000) + 40_000),
    named: ['corrupt 4..4 true'],
    lost: [4],
  },
  {
    about: "a byte in a record's header",
    damage: ([, second]) => flip(second!, (content) => frameOf(content, 'id-4', 20_000) + 30),
    named: ['corrupt 4..4 true'],
    lost: [4],
  },
  {
    about: 'two records one after the other',
    damage: ([first]) =>
      alter(first!, (content) =>
        content.fill(0xab, frameOf(content, 'id-1', 20_000), frameOf(content, 'id-2', 20_000) + 64),
      ),
    named: ['corrupt 1..2 true'],
    lost: [1, 2],
  },
  {
    about: 'zeros over the last records of a segment',
    damage: ([, second]) => alter(second!, (content) => content.fill(0, frameOf(content, 'id-4', 20_000))),
    named: ['corrupt 4..5 true'],
    lost: [4, 5],
  },
  {
    about: 'a segment in the middle that is not there',
    damage: ([, second]) => rm(second!),
    named: ['missing-segment 3..5 true'],
    lost: [3, 4, 5],
  },
  {
    about: 'a first segment that is not there',
    damage: ([first]) => rm(first!),
    named: ['missing-segment 0..2 true'],
    lost: [0, 1, 2],
  },
  {
    about: 'a segment cut short in a record',
    damage: ([, second]) => truncate(second!, 120_000),
    named: ['corrupt 4..5 true', 'truncated false'],
    lost: [4, 5],
  },
  {
    about: 'both copies of the header of a segment in the middle, and a record',
    damage: ([, second]) =>
      alter(second!, (content) =>
        content
          .fill(0xcd, 0, 1024)
          .fill(1, frameOf(content, 'id-5', 20_000) + 60, 100 + frameOf(content, 'id-5', 20_000)),
      ),
    named: ['segment-header false', 'segment-header false', 'corrupt 5..5 true'],
    lost: [5],
  },
  {
    about: 'the end of the log, which closing in order has promised',
    damage: ([, , third]) => flip(third!, (content) => frameOf(content, 'id-8', 20_000) + 5000),
    named: ['corrupt 8..8 true'],
    lost: [8],
  },
]

for (const { about, damage, named, lost } of scenarios) {
  const left = names('id', 9).filter((_, seq) => !lost.includes(seq))

  test(`${about}: refused by default, with every loss named, and nothing is changed`, async (t) => {
    const { directory, paths } = await threeSegments(t)
    await damage(paths)
    const before = await readdir(directory)
    await assert.rejects(Wal.open({ directory }), (error: WalError) => {
      assert.deepEqual((error.detail as Damage[]).map(brief), named)
      return refusal('WALV_DAMAGED')(error)
    })
    assert.deepEqual(await readdir(directory), before)
    await assert.rejects(Wal.open({ directory, readOnly: true }), refusal('WALV_DAMAGED'))
  })

  test(`${about}: 'salvage' returns the rest, names the loss and goes on behind it`, async (t) => {
    const { directory, paths } = await threeSegments(t)
    await damage(paths)
    const wal = await openWal(t, { directory, recovery: 'salvage' })
    assert.deepEqual(wal.recovery.damage.map(brief), named)
    assert.deepEqual(
      (await idsIn(wal)).filter((id) => id !== 'gap'),
      left,
    )
    assert.equal(await wal.append(insert('next')), 9)
    await wal.close()
    const again = await openWal(t, { directory, recovery: 'salvage' })
    assert.deepEqual(
      (await idsIn(again)).filter((id) => id !== 'gap'),
      [...left, 'next'],
    )
  })

  test(`${about}: 'repair' keeps a copy of what is damaged, and leaves a clean log that names the gap`, async (t) => {
    const { directory, paths } = await threeSegments(t)
    await damage(paths)
    const contents = new Map(
      await Promise.all(
        (await segmentsIn(directory)).map(async (path) => [basename(path), await readFile(path)] as const),
      ),
    )
    const wal = await openWal(t, { directory, recovery: 'repair' })
    assert.deepEqual(wal.recovery.damage.map(brief), named)
    for (const path of wal.recovery.quarantined) {
      assert.equal(join(path, '..'), join(directory, 'quarantine'))
      assert.ok(contents.get(basename(path))!.equals(await readFile(path)))
    }
    assert.equal(await wal.append(insert('next')), 9)
    await wal.close()

    // A gap names each range that is lost.
    const again = await openWal(t, { directory })
    assert.deepEqual(again.recovery.damage, [])
    assert.deepEqual(again.recovery.gaps, [{ from: lost[0], through: lost.at(-1) }])
    assert.deepEqual(
      (await idsIn(again)).filter((id) => id !== 'gap'),
      [...left, 'next'],
    )
    assert.deepEqual(again.recovery.quarantined, [])
  })
}

test('a single bad copy of a header, in any segment, loses nothing, is reported, and repaired on request', async (t) => {
  for (const index of [0, 1, 2]) {
    const { directory, paths } = await threeSegments(t)
    await flip(paths[index]!, () => 600)
    const reader = await openWal(t, { directory, readOnly: true })
    assert.deepEqual(reader.recovery.damage.map(brief), ['segment-header false'])
    const repaired = await openWal(t, { directory, recovery: 'repair' })
    assert.deepEqual(await idsIn(repaired), names('id', 9))
    await repaired.close()
    const again = await openWal(t, { directory })
    assert.deepEqual(again.recovery.damage, [])
    assert.deepEqual(await idsIn(again), names('id', 9))
  }
})

test('a log of which no header is left is refused under every policy, and left as it is', async (t) => {
  const { directory, paths } = await threeSegments(t)
  for (const path of paths) await alter(path, (content) => content.fill(0xee, 0, 1024))
  const before = await readdir(directory)
  for (const recovery of ['strict', 'salvage', 'repair'] as RecoveryPolicy[]) {
    await assert.rejects(Wal.open({ directory, recovery }), refusal('WALV_DAMAGED'))
  }
  assert.deepEqual(await readdir(directory), before)
})

test('two places in one segment and one in another are named and repaired at once', async (t) => {
  const { directory, paths } = await threeSegments(t)
  for (const [path, id] of [
    [paths[0]!, 'id-0'],
    [paths[0]!, 'id-2'],
    [paths[2]!, 'id-7'],
  ] as const) {
    await flip(path, (content) => frameOf(content, id, 20_000) + 500)
  }
  const wal = await openWal(t, { directory, recovery: 'repair' })
  assert.deepEqual(wal.recovery.damage.map(brief), [
    'corrupt 0..0 true',
    'corrupt 2..2 true',
    'corrupt 7..7 true',
  ])
  assert.deepEqual(
    wal.recovery.damage.map(({ ids }) => ids),
    [['id-0'], ['id-2'], ['id-7']],
  )
  assert.equal(wal.recovery.quarantined.length, 2)
  await wal.close()
  const again = await openWal(t, { directory })
  assert.deepEqual(
    again.recovery.gaps.map(({ from }) => from),
    [0, 2, 7],
  )
})

for (const index of [0, 1]) {
  test(`segment ${index + 1}: a file of another log is left alone and told, and what it replaced is missing`, async (t) => {
    const { directory, paths } = await threeSegments(t)
    const other = await threeSegments(t)
    const foreign = await readFile(other.paths[index]!)
    await writeFile(paths[index]!, foreign)
    await assert.rejects(Wal.open({ directory }), (error: WalError) => {
      const damage = error.detail as Damage[]
      assert.deepEqual(damage.map(({ kind }) => kind).toSorted(), ['foreign', 'missing-segment'])
      assert.equal(damage.find(({ kind }) => kind === 'foreign')!.file, basename(paths[index]!))
      return refusal('WALV_DAMAGED')(error)
    })
    assert.ok(foreign.equals(await readFile(paths[index]!)))
  })
}

test('files that are none of the log are left alone', async (t) => {
  const directory = await temporaryDirectory(t)
  await writeLog(directory, names('id', 3))
  for (const name of ['notes.txt', 'segment-1.walv', 'segment-0000000001.walv.bak']) {
    await writeFile(join(directory, name), 'mine')
  }
  const wal = await openWal(t, { directory })
  assert.deepEqual([await idsIn(wal), wal.recovery.damage], [names('id', 3), []])
  await wal.close()
  assert.equal((await readdir(directory)).filter((name) => /notes|segment-1|bak/.test(name)).length, 3)
})

test('the report tells what was there', async (t) => {
  const directory = await temporaryDirectory(t)
  const first = await openWal(t, { directory })
  const [committed, aborted, open, prepared] = [first.begin(), first.begin(), first.begin(), first.begin()]
  committed.insert('a', [1])
  open.insert('b', [1])
  await committed.commit()
  await aborted.abort()
  await prepared.prepare()
  await first.checkpoint({ seq: first.lastSeq, snapshot: async () => null })
  await first.close()
  const { recovery } = await openWal(t, { directory })
  const { durationMs, bytes, ...rest } = recovery
  assert.ok(durationMs > 0 && bytes > 10 * 40)
  assert.deepEqual(rest, {
    entries: 10,
    segments: 1,
    lastSeq: 9,
    transactions: { committed: 1, aborted: 2, inDoubt: [prepared.id] },
    incompleteTransactions: [],
    checkpoints: 1,
    snapshotSeq: 8,
    damage: [],
    gaps: [],
    closedInOrder: true,
    reproved: 0,
    quarantined: [],
  })
})

test('progress is told, from nothing to everything', async (t) => {
  const { directory } = await threeSegments(t)
  const told: [number, number][] = []
  await openWal(t, { directory, onProgress: (done, total) => told.push([done, total]) })
  const total = 3 * 256 * KIB
  assert.deepEqual(told.at(-1), [total, total])
  assert.deepEqual(
    told.map(([done]) => done),
    told.map(([done]) => done).toSorted((a, b) => a - b),
  )
  assert.ok(told.length >= 3 && told.every(([, all]) => all === total))
})

test('a signal ends opening; the directory is as it was, and free', async (t) => {
  const { directory } = await threeSegments(t)
  const before = await readdir(directory)
  await assert.rejects(Wal.open({ directory, signal: AbortSignal.abort() }), refusal('WALV_ABORTED'))
  const controller = new AbortController()
  const onProgress = (): void => controller.abort()
  await assert.rejects(
    Wal.open({ directory, signal: controller.signal, onProgress }),
    refusal('WALV_ABORTED'),
  )
  assert.deepEqual(await readdir(directory), before)
  const wal = await openWal(t, { directory, signal: new AbortController().signal })
  assert.equal((await collect(wal.read())).length, 9)
})

test('a signal that is aborted already ends opening of an empty directory too', async (t) => {
  const directory = await temporaryDirectory(t)
  await assert.rejects(Wal.open({ directory, signal: AbortSignal.abort() }), refusal('WALV_ABORTED'))
  assert.deepEqual(await readdir(directory), [])
})

test('a disk that cannot be read is an error, not damage', async (t) => {
  const { directory } = await threeSegments(t)
  for (const operation of ['list', 'open', 'size', 'read'] as const) {
    const disk = new FailingDisk()
    disk.fail({ operation, code: 'EIO', times: 100 })
    await assert.rejects(Wal.open({ directory, disk }), refusal('WALV_IO'), operation)
  }
})

test('opening twice gives the same log: what the first open wrote changes nothing', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory })
  await appendAll(wal, names('id', 100))
  await wal.close()
  const found: unknown[] = []
  for (let time = 0; time < 3; time++) {
    const again = await openWal(t, { directory })
    found.push(await collect(again.read()))
    await again.close()
  }
  assert.deepEqual(found[1], found[0])
  assert.deepEqual(found[2], found[0])
})
