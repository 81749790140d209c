import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { settingsOf } from '../../src/log/options.ts'
import { SimulatedDisk, Wal, WalError, type WalOptions } from '../support/kit.ts'

const MIB = 1024 * 1024

test('an option that is left out has its default', () => {
  const { ageClock, ...settings } = settingsOf({ directory: 'here' })
  assert.equal(typeof ageClock, 'function')
  assert.deepEqual(settings, {
    directory: 'here',
    readOnly: false,
    follow: false,
    durability: 'commit',
    recovery: 'strict',
    segmentMaxBytes: 64 * MIB,
    segmentMaxAgeMs: Number.POSITIVE_INFINITY,
    checkpointRetention: 2,
    history: undefined,
    maxPendingBytes: 64 * MIB,
    slowSyncMs: 1000,
    lockWaitMs: 0,
    closeWaitMs: 10_000,
    onProgress: undefined,
    signal: undefined,
    disk: nodeDisk,
    clock: Date.now,
  })
})

test('every option that is given is taken', () => {
  const options: Required<WalOptions> = {
    directory: 'here',
    readOnly: true,
    follow: true,
    durability: { intervalMs: 20 },
    recovery: 'salvage',
    segmentMaxBytes: 100_000,
    segmentMaxAgeMs: 1000,
    checkpointRetention: 3,
    history: { keepMs: 4, keepBytes: 0 },
    maxPendingBytes: 2000,
    slowSyncMs: 5,
    lockWaitMs: 6,
    closeWaitMs: 7,
    onProgress: () => {},
    signal: new AbortController().signal,
    disk: new SimulatedDisk(),
    clock: () => 0,
  }
  const { ageClock, ...settings } = settingsOf(options)
  assert.equal(ageClock(), 0)
  assert.deepEqual(settings, options)
  for (const durability of ['commit', 'os'] as const)
    assert.equal(settingsOf({ ...options, durability }).durability, durability)
  for (const recovery of ['strict', 'repair'] as const)
    assert.equal(settingsOf({ ...options, recovery }).recovery, recovery)
})

/** Whole numbers, with the least and the most that is taken. */
const RANGES = [
  ['segmentMaxBytes', 64 * 1024, 1024 * MIB],
  ['segmentMaxAgeMs', 1, Number.MAX_SAFE_INTEGER],
  ['checkpointRetention', 1, 1000],
  ['maxPendingBytes', 1024, Number.MAX_SAFE_INTEGER],
  ['slowSyncMs', 1, Number.MAX_SAFE_INTEGER],
  ['lockWaitMs', 0, Number.MAX_SAFE_INTEGER],
  ['closeWaitMs', 0, 2 ** 31 - 1],
] as const

/** A refusal by these words, which name the option, what it takes and what it was given. */
function refuses(options: unknown, message: string): void {
  assert.throws(
    () => settingsOf(options as WalOptions),
    (error) => {
      assert.ok(error instanceof WalError)
      assert.deepEqual([error.code, error.message], ['WALV_INVALID_OPTION', message])
      return true
    },
  )
}

for (const [name, least, most] of RANGES) {
  test(`${name} is a whole number from ${least} to ${most}`, () => {
    for (const value of [least, least + 1, most])
      assert.equal(settingsOf({ directory: 'here', [name]: value })[name], value)
    for (const value of [
      least - 1,
      most + 1,
      -1,
      least + 0.5,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      String(least),
      null,
      {},
    ]) {
      // `null` stands for what is left out, but where there is no default.
      if (value === null && name !== 'segmentMaxAgeMs') continue
      const given =
        typeof value === 'string'
          ? JSON.stringify(value)
          : value !== null && typeof value === 'object'
            ? '{}'
            : String(value)
      refuses(
        { directory: 'here', [name]: value },
        `The option ${name} must be a whole number from ${least} to ${most}, not ${given}.`,
      )
    }
  })
}

test('durability.intervalMs is a whole number from 1 to an hour', () => {
  for (const intervalMs of [1, 3_600_000])
    assert.deepEqual(settingsOf({ directory: 'here', durability: { intervalMs } }).durability, { intervalMs })
  for (const intervalMs of [0, 3_600_001, 1.5, '5', undefined])
    assert.throws(() => settingsOf({ directory: 'here', durability: { intervalMs } as never }), {
      code: 'WALV_INVALID_OPTION',
      message: /^The option durability\.intervalMs must be a whole number from 1 to 3600000, not /,
    })
})

test('what is none of the words that an option takes is refused, and the words are told', () => {
  for (const durability of ['sync', 1, null, true])
    assert.throws(() => settingsOf({ directory: 'here', durability } as never), {
      code: 'WALV_INVALID_OPTION',
      message: /^The option durability must be 'commit', 'os' or \{ intervalMs \}, not /,
    })
  refuses(
    { directory: 'here', recovery: 'hope' },
    `The option recovery must be 'strict', 'salvage' or 'repair', not "hope".`,
  )
  refuses(
    { directory: 'here', recovery: null },
    `The option recovery must be 'strict', 'salvage' or 'repair', not null.`,
  )
  refuses({ directory: 'here', readOnly: 'yes' }, 'The option readOnly must be true or false, not "yes".')
  refuses({ directory: 'here', follow: 1 }, 'The option follow must be true or false, not 1.')
  refuses({ directory: 'here', readOnly: 1 }, 'The option readOnly must be true or false, not 1.')
})

test('the directory is a path', () => {
  refuses({}, 'The option directory must be a path, not undefined.')
  refuses({ directory: '' }, 'The option directory must be a path, not "".')
  refuses({ directory: 7 }, 'The option directory must be a path, not 7.')
  refuses({ directory: 'a\0b' }, 'The option directory must be a path, not "a\\u0000b".')
})

const ALL =
  'directory, readOnly, follow, durability, recovery, segmentMaxBytes, segmentMaxAgeMs, checkpointRetention, history, maxPendingBytes, slowSyncMs, lockWaitMs, closeWaitMs, onProgress, signal, disk, clock'

test('options are an object, and one that does not exist is refused with those that do', async () => {
  refuses(undefined, `The options of Wal.open must be an object, not undefined. There are: ${ALL}.`)
  refuses(null, `The options of Wal.open must be an object, not null. There are: ${ALL}.`)
  refuses('./data', `The options of Wal.open must be an object, not "./data". There are: ${ALL}.`)
  refuses({ directory: 'here', sync: true }, `Wal.open has no option "sync". There are: ${ALL}.`)
  await assert.rejects(Wal.open({ directory: '' }), { code: 'WALV_INVALID_OPTION' })
})

test('history keeps by time, by bytes, or both, and says which it may have', () => {
  for (const history of [{ keepMs: 1 }, { keepBytes: 0 }, { keepMs: 5, keepBytes: 6 }])
    assert.deepEqual(settingsOf({ directory: 'here', history }).history, {
      keepMs: Number.POSITIVE_INFINITY,
      keepBytes: Number.POSITIVE_INFINITY,
      ...history,
    })
  for (const history of [{}, { keepMs: 0 }, { keepBytes: -1 }, { keepMs: '1d' }, { days: 7 }, 7, null])
    assert.throws(() => settingsOf({ directory: 'here', history: history as never }), {
      code: 'WALV_INVALID_OPTION',
      message: /history/,
    })
})
