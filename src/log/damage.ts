import type { Damage } from '../entry.ts'

type Given = Pick<Damage, 'kind' | 'file' | 'acknowledged' | 'detail'> & Partial<Damage>

/** Damage of which no more is known than what is given: of no bytes, at the file's beginning … */
export const damageIn = ({
  kind,
  file,
  offset = 0,
  bytes = 0,
  acknowledged,
  seqs = [],
  ids = [],
  detail,
}: Given): Damage => ({ kind, file, offset, bytes, acknowledged, seqs, ids, detail })
