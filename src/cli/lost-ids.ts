/** What is left of the ids in lost records: in the snapshot, and in the records around the loss. */
import { type Diagnosis, type Loss, Wal, WalError } from '../mod.ts'
import { changesIn, eachCataloguedId, hasCatalog } from './live-ids.ts'

/** One id of a loss. */
export interface LostId {
  readonly id: string
  /**
   * Where the version before the loss is: in the snapshot, or in the record of that sequence
   * number.
   */
  readonly older: 'snapshot' | number | undefined
  /** The first record behind the loss that changes the id. */
  readonly newer: { readonly seq: number; readonly type: 'insert' | 'update' | 'delete' } | undefined
}

export type LostIds = ReadonlyMap<Loss, readonly LostId[]>

type Target = { -readonly [K in keyof LostId]: LostId[K] } & {
  readonly from: number
  readonly through: number
}

/**
 * Looks up the ids that could be read of what is gone. Reads the snapshot's list of ids and replays
 * the log, in bounded memory. Empty where nothing is gone, and where it cannot be known, since a
 * writer lets go of files meanwhile.
 */
export async function findLostIds({ directory, losses }: Diagnosis): Promise<LostIds> {
  const targets = new Map(losses.filter(({ gone }) => gone.length > 0).map((loss) => [loss, targetsOf(loss)]))
  const all = [...targets.values()].flat()
  if (all.length === 0) return targets
  try {
    await follow(directory, all)
    return targets
  } catch (error) {
    if (error instanceof WalError) return new Map()
    throw error
  }
}

function targetsOf({ damage, gone }: Loss): Target[] {
  const from = Number(gone[0]!.from)
  const through = Number(gone.at(-1)!.through ?? Number.POSITIVE_INFINITY)
  return damage.ids.map((id) => ({ id, older: undefined, newer: undefined, from, through }))
}

async function follow(directory: string, targets: readonly Target[]): Promise<void> {
  const wal = await Wal.open({ directory, readOnly: true, recovery: 'salvage' })
  const { snapshot, lastCheckpoint } = wal
  if (snapshot && hasCatalog(snapshot)) {
    await eachCataloguedId(snapshot, (id) => {
      for (const target of targets) if (target.id === id) target.older = 'snapshot'
    })
  }
  for await (const { seq, entries } of wal.replay({ after: lastCheckpoint?.sequenceNumber ?? -1 })) {
    for (const change of changesIn(entries)) {
      for (const target of targets) if (target.id === change.id) note(target, seq, change.type)
    }
  }
}

function note(target: Target, seq: number, type: 'insert' | 'update' | 'delete'): void {
  if (seq < target.from) target.older = type === 'delete' ? undefined : seq
  else if (seq > target.through) target.newer ??= { seq, type }
}
