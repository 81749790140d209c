import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { countInTrace } from '../../bench/src/verification/trace.ts'
import { type Verdict, verify } from '../../bench/src/verification/verify.ts'

const parent = await mkdtemp(join(tmpdir(), 'walv-verification-'))
after(() => rm(parent, { recursive: true }))

function verdictOf(name: string, claimsPowerSafety = true, strace?: string): Promise<Verdict> {
  const moduleUrl = new URL(`./peers/${name}.js`, import.meta.url).href
  return verify({ moduleUrl, claimsPowerSafety }, parent, strace)
}

for (const [name, call] of [
  ['synced', 'fdatasync'],
  ['opened-synchronous', 'O_DSYNC write'],
] as const) {
  test(`a peer that syncs every append is verified: ${name}`, async () => {
    const verdict = await verdictOf(name)
    assert.equal(verdict.kind, 'verified', JSON.stringify(verdict))
    assert(verdict.kind === 'verified')
    assert.deepEqual(verdict.oneAtATime, { appends: 50, syncs: 50, unsynced: 0, calls: { [call]: 50 } })
    assert.equal(verdict.inFlight.syncs, 50)
  })
}

for (const [name, reason] of [
  ['unsynced', /^no sync seen$/],
  ['synced-elsewhere', /^no sync seen$/],
  ['synced-too-late', /^25 of 50 appends acknowledged without a sync$/],
] as const) {
  test(`a peer that claims power safety and does not sync is refused: ${name}`, async () => {
    const verdict = await verdictOf(name)
    assert(verdict.kind === 'refused', JSON.stringify(verdict))
    assert.match(verdict.reason, reason)
  })
}

test('a peer that claims nothing is marked, and its syncs are counted', async () => {
  const verdict = await verdictOf('unsynced', false)
  assert(verdict.kind === 'not power-safe', JSON.stringify(verdict))
  assert.equal(verdict.oneAtATime.syncs, 0)
})

test('without strace every peer is refused, and told why', async () => {
  const verdict = await verdictOf('synced', true, 'no-such-strace')
  assert(verdict.kind === 'refused', JSON.stringify(verdict))
  assert.match(verdict.reason, /cannot be verified: .*no-such-strace/)
})

test('a peer that fails is refused, and its files are gone', async () => {
  const verdict = await verdictOf('no-such-peer')
  assert(verdict.kind === 'refused', JSON.stringify(verdict))
  assert.match(verdict.reason, /cannot be verified: .*no-such-peer/)
  assert.deepEqual(await readdir(parent), [])
})

test('a sync that began before the append does not count for it', () => {
  const mark = (name: string): string => `10 access("/walv-bench-mark/${name}", F_OK) = -1 ENOENT`
  const trace = [
    mark('begin'),
    '11 fdatasync(5</d/log> <unfinished ...>',
    mark('append 0'),
    '11 <... fdatasync resumed>) = 0',
    mark('append 1'),
  ]
  assert.deepEqual(countInTrace(trace.join('\n'), '/d'), {
    appends: 2,
    syncs: 1,
    unsynced: 2,
    calls: { fdatasync: 1 },
  })
})

test('a sync that failed does not count', () => {
  const trace = ['10 access("/walv-bench-mark/begin", F_OK) = -1 ENOENT', '10 fsync(5</d/log>) = -1 EIO']
  assert.equal(countInTrace(trace.join('\n'), '/d').syncs, 0)
})
