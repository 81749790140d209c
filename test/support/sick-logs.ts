/**
 * Logs in real directories with one thing wrong in each, and what a diagnosis has to make of them.
 */
import { cp, mkdir, mkdtemp, readdir, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { DurableIndex, flat, type Remedy, type Verdict, Wal } from '../../src/mod.ts'
import { loadFixture } from '../v1/helpers.ts'
import { craftSegment } from './crafted-log.ts'
import { alter, frameOf, insertOf, names, segmentsIn, writeLog } from './logs.ts'

export interface Illness {
  readonly name: string
  readonly verdict: Verdict
  readonly remedy: Remedy['kind']
  /** Fills an empty directory. */
  readonly make: (directory: string) => Promise<void>
}

/** Ten vectors in one segment, closed in order. */
const small = (directory: string): Promise<void> => writeLog(directory, names('doc', 10))

/** Ten large records: six in the first segment, one in each of four more. Closed in order. */
async function large(directory: string): Promise<void> {
  await using wal = await Wal.open({ directory, segmentMaxBytes: 65_536 })
  for (const id of names('doc', 10)) await wal.append(insertOf(id, 40_000))
}

/** An index: records 0 to 7 in a snapshot, the checkpoint is record 8, 9 to 12 behind it. */
async function index(directory: string): Promise<void> {
  await using durable = await DurableIndex.open({ directory, index: flat({ dimensions: 3 }) })
  for (const id of names('doc', 8)) await durable.insert(id, [1, 2, 3])
  await durable.checkpoint()
  await durable.update('doc-1', { metadata: 'changed' })
  await durable.insert('doc-8', [1, 2, 3])
  await durable.upsert('doc-8', [4, 5, 6])
  await durable.upsert('doc-2', [7, 8, 9])
}

/**
 * An index whose log begins in its middle, since a snapshot holds what came before; and one whose
 * log goes back to the beginning.
 */
const largeIndex =
  (checkpointRetention: number) =>
  async (directory: string): Promise<void> => {
    const options = { checkpointRetention, segmentMaxBytes: 65_536, index: flat({ dimensions: 4_000 }) }
    await using durable = await DurableIndex.open({ directory, ...options })
    await Promise.all(names('doc', 60).map((id) => durable.insert(id, new Float32Array(4_000).fill(1))))
    await durable.checkpoint()
    await durable.delete('doc-0')
  }

type Make = Illness['make']

const sick =
  (make: Make, harm: (directory: string) => Promise<unknown>): Make =>
  async (directory) => {
    await make(directory)
    await harm(directory)
  }

/**
 * Changes a bit of what stands before an id, where it stands for the last time in a file, or for
 * the nth.
 */
export const flipRecordOf =
  (id: string, occurrence?: number) =>
  async (directory: string): Promise<void> => {
    for (const segment of await segmentsIn(directory)) {
      await alter(segment, (content) => {
        const at = occurrence === undefined ? content.lastIndexOf(id) : nthIndexOf(content, id, occurrence)
        if (at >= 1024) content[at - 4]! ^= 1
        return undefined
      })
    }
  }

function nthIndexOf(content: Buffer, id: string, occurrence: number): number {
  let at = content.indexOf(id)
  for (let count = 1; count < occurrence && at >= 0; count++) at = content.indexOf(id, at + 1)
  return at
}

const nth = async (directory: string, number: number): Promise<string> =>
  (await segmentsIn(directory))[number - 1]!

const zero =
  (number: number, from: number, to: number) =>
  async (directory: string): Promise<void> =>
    alter(await nth(directory, number), (content) => {
      content.fill(0, from, to)
      return undefined
    })

/**
 * The segments get each other's names: the first that of the second, and so on, the last that of
 * the first.
 */
export const rotateNames =
  (...numbers: readonly number[]) =>
  async (directory: string): Promise<void> => {
    const paths = await Promise.all(numbers.map((number) => nth(directory, number)))
    for (const path of paths) await rename(path, `${path}.x`)
    for (const [place, path] of paths.entries()) await rename(`${path}.x`, paths[(place + 1) % paths.length]!)
  }

const segmentAt = (directory: string, number: number): string =>
  join(directory, `segment-${String(number).padStart(10, '0')}.walv`)

async function spoilSnapshot(directory: string): Promise<void> {
  for (const name of await readdir(join(directory, 'snapshots')))
    await alter(join(directory, 'snapshots', name, 'catalog.walvids'), (content) => {
      content[5]! ^= 1
      return undefined
    })
}

/** A header that verifies, with another number at an offset. */
const patchHeader =
  (offset: number, value: number) =>
  async (directory: string): Promise<void> =>
    alter(await nth(directory, 1), (content) => {
      for (const sector of [content.subarray(0, 512), content.subarray(512, 1024)]) {
        sector.writeUInt32LE(value, offset)
        sector.writeUInt32LE(checksum(sector.subarray(0, 508)), 508)
      }
      return undefined
    })

/** CRC-32 as docs/format.md has it, bit by bit. */
function checksum(bytes: Buffer): number {
  let sum = 0xffff_ffff
  for (const byte of bytes) {
    sum ^= byte
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb8_8320 : 0)
  }
  return ~sum >>> 0
}

const v1 = (fixture: string): Make =>
  sick(
    (directory) => cp(loadFixture(fixture).directory, directory, { recursive: true }),
    async () => {},
  )

const cutBefore =
  (id: string) =>
  async (directory: string): Promise<void> =>
    alter(await nth(directory, 1), (content) => content.subarray(0, frameOf(content, id)))

/** What stands behind the header of a record, to the end of the file, was never written. */
const tearIn =
  (id: string) =>
  async (directory: string): Promise<void> =>
    alter(await nth(directory, 1), (content) => {
      content.fill(0, frameOf(content, id) + 40)
      return undefined
    })

/** A record of the right frame and sums whose payload is no insert. */
async function undecodable(directory: string): Promise<void> {
  const frames = [
    { type: 9, flags: 1, payload: Buffer.alloc(8) } as const,
    { type: 1, payload: Buffer.from('nonsense') } as const,
  ]
  await craftSegment(directory, frames)
}

export const ILLNESSES: readonly Illness[] = [
  { name: 'nothing', verdict: 'healthy', remedy: 'none', make: sick(small, async () => {}) },
  { name: 'a torn tail', verdict: 'torn-tail', remedy: 'open', make: sick(small, tearIn('doc-9')) },
  { name: 'a lost record', verdict: 'loss', remedy: 'repair', make: sick(small, flipRecordOf('doc-3')) },
  {
    name: 'a lost record that a snapshot holds',
    verdict: 'loss',
    remedy: 'repair',
    make: sick(index, flipRecordOf('doc-3')),
  },
  {
    name: 'a lost record behind the snapshot',
    verdict: 'loss',
    remedy: 'repair',
    make: sick(index, flipRecordOf('doc-2')),
  },
  {
    name: 'one lost copy of a header',
    verdict: 'damaged',
    remedy: 'repair',
    make: sick(small, zero(1, 0, 512)),
  },
  {
    name: 'both copies of a header lost',
    verdict: 'damaged',
    remedy: 'repair',
    make: sick(large, zero(3, 0, 1024)),
  },
  {
    name: 'no header at all',
    verdict: 'possible-loss',
    remedy: 'restore-backup',
    make: sick(small, zero(1, 0, 1024)),
  },
  {
    name: 'an empty file',
    verdict: 'possible-loss',
    remedy: 'restore-backup',
    make: sick(small, async (directory) => truncate(await nth(directory, 1), 0)),
  },
  {
    name: 'a file cut behind what is used',
    verdict: 'damaged',
    remedy: 'repair',
    make: sick(small, async (directory) => truncate(await nth(directory, 1), 8192)),
  },
  {
    name: 'a file cut within what is used',
    verdict: 'possible-loss',
    remedy: 'repair',
    make: sick(small, cutBefore('doc-9')),
  },
  {
    name: 'a missing segment',
    verdict: 'loss',
    remedy: 'repair',
    make: sick(large, async (directory) => rm(await nth(directory, 3))),
  },
  {
    name: 'a missing segment that a snapshot covers',
    verdict: 'damaged',
    remedy: 'move-file',
    make: sick(largeIndex(2), async (directory) => rm(await nth(directory, 2))),
  },
  {
    name: 'no segment at all',
    verdict: 'loss',
    remedy: 'repair',
    make: sick(index, async (directory) => rm(await nth(directory, 1))),
  },
  { name: 'a damaged snapshot', verdict: 'damaged', remedy: 'repair', make: sick(index, spoilSnapshot) },
  {
    name: 'a missing snapshot',
    verdict: 'damaged',
    remedy: 'open',
    make: sick(index, (directory) => rm(join(directory, 'snapshots'), { recursive: true })),
  },
  {
    name: 'a damaged snapshot without what came before',
    verdict: 'loss',
    remedy: 'repair',
    make: sick(largeIndex(1), spoilSnapshot),
  },
  {
    name: 'a segment under another name',
    verdict: 'loss',
    remedy: 'rename-file',
    make: sick(large, async (directory) => rename(await nth(directory, 3), segmentAt(directory, 77))),
  },
  {
    name: 'two segments under each other’s names',
    verdict: 'loss',
    remedy: 'rename-file',
    make: sick(large, rotateNames(2, 4)),
  },
  {
    name: 'a segment that is there twice',
    verdict: 'possible-loss',
    remedy: 'rename-file',
    make: sick(large, async (directory) => cp(await nth(directory, 3), segmentAt(directory, 77))),
  },
  {
    name: 'a segment of another log',
    verdict: 'possible-loss',
    remedy: 'move-file',
    make: sick(large, addForeign),
  },
  {
    name: 'a folder named like a segment',
    verdict: 'damaged',
    remedy: 'move-file',
    make: sick(small, (directory) => mkdir(segmentAt(directory, 9))),
  },
  {
    name: 'a link in the place of a segment',
    verdict: 'possible-loss',
    remedy: 'replace-link',
    make: sick(large, linkLast),
  },
  {
    name: 'a link as LOCK',
    verdict: 'unusable',
    remedy: 'move-file',
    make: sick(small, async (directory) => {
      await rm(join(directory, 'LOCK'))
      await symlink('/dev/null', join(directory, 'LOCK'))
    }),
  },
  { name: 'a record that makes no sense', verdict: 'loss', remedy: 'restore-backup', make: undecodable },
  { name: 'a newer version', verdict: 'unusable', remedy: 'upgrade', make: sick(small, patchHeader(4, 3)) },
  {
    name: 'an unknown feature',
    verdict: 'unusable',
    remedy: 'upgrade',
    make: sick(small, patchHeader(12, 0x8000)),
  },
  { name: 'format v1', verdict: 'unusable', remedy: 'convert', make: v1('basic_5_inserts') },
  { name: 'format v1, damaged', verdict: 'unusable', remedy: 'convert', make: v1('flip_len_bit5') },
  {
    name: 'no log',
    verdict: 'unusable',
    remedy: 'check-path',
    make: (directory) => writeFile(join(directory, 'notes.txt'), 'mine'),
  },
]

async function linkLast(directory: string): Promise<void> {
  const last = (await segmentsIn(directory)).at(-1)!
  await rename(last, `${last}.moved`)
  await symlink(`${last}.moved`, last)
}

async function addForeign(directory: string): Promise<void> {
  const other = await mkdtemp(join(tmpdir(), 'walv-other-'))
  // Every opening begins a new segment, so that this one gets a number of its own.
  for (let opening = 0; opening < 7; opening++) await writeLog(other, ['a'])
  const segment = (await segmentsIn(other)).at(-1)!
  await cp(segment, join(directory, basename(segment)))
  await rm(other, { recursive: true })
}

/** Makes a log with this illness. */
export async function makeSick(directory: string, name: string): Promise<string> {
  const illness = ILLNESSES.find((each) => each.name === name)
  if (illness === undefined) throw new Error(`there is no illness ${name}`)
  await illness.make(directory)
  return directory
}
