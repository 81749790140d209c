/**
 * What the log's own tools find and do, with the content of snapshots proved too, as opening an
 * index does.
 */

import { type DiagnoseOptions, type Diagnosis, diagnose as diagnoseLog } from '../../doctor/diagnose.ts'
import type { RecoveryReport } from '../../log/log.ts'
import type { WalOptions } from '../../log/options.ts'
import { WAL_OPTIONS } from '../../log/options.ts'
import { Wal } from '../../log/wal.ts'
import { checkOptions } from '../../option-names.ts'
import { PROVED } from './snapshot-proof.ts'

/**
 * Says what state a log is in, what opening would make of it, and what to do. Reads and verifies
 * everything, decodes every record, and loads the snapshot that opening would load: its content is
 * proved by its fingerprint, without an engine. Never writes, takes no lock, and may run beside a
 * live writer.
 *
 * Opening by the default policy agrees: it succeeds if the verdict is `healthy`, `torn-tail` or
 * `damaged`, is refused with `WALV_DAMAGED` if it is `loss` or `possible-loss`, and otherwise with
 * `refusal.code`. Two exceptions: a directory without a log is `unusable`, although opening it for
 * writing would begin one; and a record that verifies but makes no sense, which no writer of walv
 * leaves, is a `loss` that is refused only when it is read.
 * @throws WALV_INVALID_OPTION, WALV_NO_DIRECTORY, WALV_NOT_A_DIRECTORY, WALV_PERMISSION, WALV_IO,
 * WALV_ABORTED; for nothing that a log can be
 */
export const diagnose = (options: DiagnoseOptions): Promise<Diagnosis> => diagnoseLog(options, PROVED)

const { recovery: _, readOnly: __, ...REPAIR_OPTIONS } = WAL_OPTIONS

/**
 * Repairs a log: opens it with `recovery: 'repair'`, proves the content of the snapshot as
 * `diagnose` does, and closes it again. Every checkpoint that is there is kept.
 * @throws what `Wal.open` throws
 */
export async function repair(options: Omit<WalOptions, 'recovery' | 'readOnly'>): Promise<RecoveryReport> {
  checkOptions('repair', options, REPAIR_OPTIONS)
  const keepAll = { checkpointRetention: 1_000, ...options }
  const wal = await Wal.openWith({ ...keepAll, recovery: 'repair' }, PROVED)
  await wal.close()
  return wal.recovery
}
