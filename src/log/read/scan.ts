import { resolve } from 'node:path'
import type { Disk } from '../../disk/disk.ts'
import type { Damage } from '../../entry.ts'
import { checkOptions, type OptionNames } from '../../option-names.ts'
import { SnapshotStore } from '../checkpoint/snapshot-store.ts'
import { settingsOf } from '../options.ts'
import { examineLog } from '../recover/snapshot-choice.ts'
import { type LogItem, readItems } from './record-reader.ts'

export interface ScanOptions {
  readonly directory: string
  readonly signal?: AbortSignal
  readonly onProgress?: (bytesDone: number, bytesTotal: number) => void
  readonly disk?: Disk
}

const SCAN_OPTIONS: OptionNames<ScanOptions> = { directory: true, signal: true, onProgress: true, disk: true }

/**
 * Everything that can be read of a log, in order, with each damage at its place, or behind the
 * records of its file where it has none. What is missing is told in front of what it should stand
 * before, and damage of snapshots at the end: it is all that opening tells. Reads twice, since what
 * damage means is known only at the end. Never writes, takes no lock, refuses nothing that it can
 * name.
 * @throws WALV_NO_DIRECTORY, WALV_NOT_A_DIRECTORY, WALV_PERMISSION, WALV_V1_DIRECTORY,
 * WALV_UNSUPPORTED_VERSION, WALV_UNSUPPORTED_FEATURE
 */
export async function* scanLog(options: ScanOptions): AsyncGenerator<LogItem, void, void> {
  checkOptions('scanLog', options, SCAN_OPTIONS)
  const settings = settingsOf({ ...options, readOnly: true, recovery: 'salvage' })
  const { disk, signal } = settings
  const directory = resolve(settings.directory)
  const { scanned, damage } = await examineLog({ ...settings, directory }, new SnapshotStore(disk, directory))
  const told = new Set<string>()
  const range = {
    from: 0,
    before: scanned.endSeq,
    durableBefore: scanned.durableBefore,
    signal,
    again: 'Read it again.',
  }
  for (const segment of scanned.segments) {
    const own = damage.filter(({ file }) => file === segment.name)
    yield* untold(
      own.filter(({ kind }) => kind === 'missing-segment'),
      told,
    )
    for await (const items of readItems(disk, [segment], range)) {
      for (const item of items) if ('damage' in item) told.add(placeOf(item.damage))
      yield* items
    }
    yield* untold(own, told)
  }
  yield* untold(damage, told)
}

const placeOf = ({ kind, file, offset }: Damage): string => JSON.stringify([kind, file, offset])

function* untold(damage: readonly Damage[], told: Set<string>): Generator<LogItem, void, void> {
  for (const each of damage) {
    if (told.has(placeOf(each))) continue
    told.add(placeOf(each))
    yield { damage: each }
  }
}
