import { resolve } from 'node:path'
import type { Disk } from '../../disk/disk.ts'
import { nodeDisk } from '../../disk/node-disk.ts'
import type { Damage } from '../../entry.ts'
import { checkOptions, type OptionNames } from '../../option-names.ts'
import { analyze } from '../recover/analysis.ts'
import { readDirectory } from '../recover/directory.ts'
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
 * records of its file where it has none. Reads twice, since what damage means is known only at the
 * end. Never writes, takes no lock, refuses nothing that it can name.
 * @throws WALV_NO_DIRECTORY, WALV_NOT_A_DIRECTORY, WALV_PERMISSION, WALV_V1_DIRECTORY,
 * WALV_UNSUPPORTED_VERSION, WALV_UNSUPPORTED_FEATURE
 */
export async function* scanLog(options: ScanOptions): AsyncGenerator<LogItem, void, void> {
  checkOptions('scanLog', options, SCAN_OPTIONS)
  const { disk = nodeDisk, signal } = options
  const found = await analyze(disk, await readDirectory(disk, resolve(options.directory)), options)
  const told = new Set<string>()
  const range = {
    from: 0,
    before: found.endSeq,
    durableBefore: found.durableBefore,
    signal,
    again: 'Read it again.',
  }
  for (const segment of found.segments) {
    for await (const items of readItems(disk, [segment], range)) {
      for (const item of items) if ('damage' in item) told.add(placeOf(item.damage))
      yield* items
    }
    yield* untold(
      found.damage.filter(({ file }) => file === segment.name),
      told,
    )
  }
  yield* untold(found.damage, told)
}

const placeOf = ({ kind, file, offset }: Damage): string => JSON.stringify([kind, file, offset])

function* untold(damage: readonly Damage[], told: Set<string>): Generator<LogItem, void, void> {
  for (const each of damage) {
    if (told.has(placeOf(each))) continue
    told.add(placeOf(each))
    yield { damage: each }
  }
}
