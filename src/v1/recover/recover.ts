import { join } from 'node:path'
import type { Disk } from '../../disk/disk.ts'
import { echo } from '../../echo.ts'
import type { Damage } from '../../entry.ts'
import { WalError } from '../../errors.ts'
import { checkOptions, type OptionNames } from '../../option-names.ts'
import { FileWindow, LEAPING_BYTES } from '../read/file-window.ts'
import { recordAt } from '../read/pieces.ts'
import { readV1Directory, type V1Item, type V1ReadOptions } from '../read/reader.ts'
import { recoveryOrder } from './order.ts'
import { RecordIndex } from './record-index.ts'

export interface V1RecoverOptions extends V1ReadOptions {
  /**
   * `strict`, the default, refuses a log in which records may be lost or their order cannot be
   * told; `salvage` recovers what can be read.
   */
  readonly policy?: 'strict' | 'salvage'
}

const RECOVER_OPTIONS: OptionNames<V1RecoverOptions> = { policy: true, signal: true }

/** As many damages as a refusal lists. */
const MAX_LISTED_DAMAGES = 100

/**
 * What a recovery of a v1 directory returns: first every damage, as `readV1Directory` reports it,
 * then the records that take effect, in the order in which they do.
 *
 * *Order.* The records behind one header are a section. Sections make up runs: a run is a log whose
 * numbers were counted on, and all of it comes before the next one. Within a run the number
 * decides, not the file, since files are named by the clock; records of one number keep their file
 * order. In file order, each section joins the run of those before it, unless
 * - the stretch from its first number to its last shares numbers with a section of the run: the log
 *   was reopened without a recovery and started over, or a number is damaged; or
 * - it begins at 0, where the original starts over, and the run does not: unless sections without a
 *   gap between them lead from it to the run's lowest number, which only a clock set back explains.
 *
 * Then it begins a new run. So a log that started over is never mixed into the one before it, and
 * nothing is dropped for having a number that was used before.
 *
 * *Transactions.* A record between a begin and its commit or abort belongs to the transaction begun
 * last among those open. It comes out where the commit stands, or not at all if the transaction is
 * aborted or never ends; the markers do not come out. A transaction that never ends was open at a
 * crash, and reaches no further than the next header: what follows there was appended by a process
 * that knew nothing of it. Neither does it reach further than the next begin of its id.
 *
 * *Checkpoints* come out as records and drop nothing: a v1 checkpoint names no snapshot.
 *
 * Reads the directory twice and takes about 40 bytes of memory for each record, however large it
 * is. Never writes.
 *
 * @throws WALV_INVALID_OPTION for another policy
 * @throws WALV_DAMAGED under `strict`, before the first record, with the damages as `detail` (at
 * most 100): for all but a torn tail and what certainly lost nothing. In either policy if a file
 * changes meanwhile. What `readV1Directory` throws.
 */
export async function* recoverV1(
  disk: Disk,
  directory: string,
  options: V1RecoverOptions = {},
): AsyncGenerator<V1Item> {
  checkOptions('recoverV1', options, RECOVER_OPTIONS)
  const { policy = 'strict', signal } = options
  if (policy !== 'strict' && policy !== 'salvage') {
    throw new WalError('WALV_INVALID_OPTION', `policy is ${echo(policy)}; give 'strict' or 'salvage'.`)
  }
  const index = new RecordIndex()
  const refused: Damage[] = []
  for await (const item of readV1Directory(disk, directory, { signal })) {
    if (item.record) {
      index.add(item.record, item.section)
      continue
    }
    if (policy === 'strict' && mayLose(item.damage) && refused.length < MAX_LISTED_DAMAGES) {
      refused.push(item.damage)
    }
    yield item
  }
  if (refused.length > 0) throw refusal(directory, refused)
  yield* readRecords(disk, directory, index, recoveryOrder(index), signal)
}

const mayLose = ({ kind, acknowledged }: Damage): boolean => kind !== 'torn-tail' && acknowledged !== false

function refusal(directory: string, damages: readonly Damage[]): WalError {
  const { file, offset, detail } = damages[0]!
  const more = damages.length > 1 ? ` ${damages.length - 1} more, see detail.` : ''
  return new WalError(
    'WALV_DAMAGED',
    `The v1 log in ${directory} is damaged: ${file} at offset ${offset}: ${detail}${more} Policy 'salvage' recovers what can be read.`,
    { file, offset, detail: damages },
  )
}

async function* readRecords(
  disk: Disk,
  directory: string,
  index: RecordIndex,
  order: readonly number[],
  signal: AbortSignal | undefined,
): AsyncGenerator<V1Item> {
  let name: string | undefined
  let window: FileWindow | undefined
  try {
    for (const position of order) {
      const section = index.section(position)
      const { file } = index.sections[section]!
      if (file !== name) {
        await window?.close()
        window = await FileWindow.open(disk, join(directory, file), signal, LEAPING_BYTES)
        name = file
      }
      const offset = index.offset(position)
      const found = window && (await recordAt(window, offset))
      if (found?.seq !== index.seq(position)) throw changed(file, offset)
      const { seq, entry, payload, trailingBytes } = found
      yield { record: { seq, entry, file, offset, payload, trailingBytes }, section }
    }
  } finally {
    await window?.close()
  }
}

function changed(file: string, offset: number): WalError {
  return new WalError(
    'WALV_DAMAGED',
    `${file} was changed at offset ${offset} while it was recovered. Stop whatever writes to it and try again.`,
    { file, offset },
  )
}
