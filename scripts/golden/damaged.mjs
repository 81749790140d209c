// A log with rot in it, and the same repaired.
import { cpSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Wal } from '../../dist/mod.js'
import { frameOf, SECTOR_BYTES, zeroSectorBefore } from './bytes.mjs'
import { clean, Golden, START } from './golden.mjs'
import { insert, ramp } from './values.mjs'

/**
 * Rot in a log that was closed in order: a copy of the header, a bit of record 3, two sectors with
 * the beginnings of records 6 and 7.
 */
export async function damaged(folders) {
  const golden = new Golden('damaged', folders)
  const wal = await Wal.open(golden.options)
  for (let index = 0; index < 10; index++)
    await golden.append(wal, insert(`id-${index}`, ramp(200), { index }))
  await wal.close()
  golden.keep()
  const places = []
  golden.alter('segment-0000000001.walv', (bytes) => {
    bytes[SECTOR_BYTES + 60] ^= 1
    places.push(frameOf(bytes, 'id-3'), frameOf(bytes, 'id-6'))
    bytes[places[0] + 100] ^= 0x10
    zeroSectorBefore(bytes, 'id-6')
    zeroSectorBefore(bytes, 'id-7')
  })
  const whole = golden.records.length
  golden.records = golden.records.filter(({ seq }) => ![3, 6, 7].includes(seq))
  const file = 'segment-0000000001.walv'
  const header = {
    kind: 'segment-header',
    file,
    offset: SECTOR_BYTES,
    acknowledged: false,
    seqs: [],
    ids: [],
  }
  const lost = (offset, from, through, ids) => ({
    kind: 'corrupt',
    file,
    offset,
    acknowledged: true,
    seqs: [{ from, through }],
    ids,
  })
  const damage = [header, lost(places[0], 3, 3, ['id-3']), lost(places[1], 6, 7, [])]
  golden.finish({ ...clean(golden, 1), lastSeq: whole - 1, damage }, { strict: 'WALV_DAMAGED' })
}

/**
 * The damaged log, repaired: gap records in the place of the lost ones. What was put into
 * quarantine is left out.
 */
export async function repaired(folders) {
  const golden = new Golden('repaired', folders)
  cpSync(join(folders.target, 'damaged', 'log'), golden.directory, { recursive: true })
  const { records } = JSON.parse(readFileSync(join(folders.target, 'damaged', 'expected.json'), 'utf8'))
  const gap = (seq, throughSeq, { timestamp }) => ({ seq, timestamp, entry: { type: 'gap', throughSeq } })
  // A gap record has the time of the record before it.
  golden.records = [...records, gap(3, 3, records[2]), gap(6, 7, records[4])]
  golden.records.sort((a, b) => a.seq - b.seq)
  golden.now = START + 100
  const wal = await Wal.open({ ...golden.options, recovery: 'repair' })
  await wal.close()
  rmSync(join(golden.directory, 'quarantine'), { recursive: true })
  golden.keep()
  golden.finish({
    ...clean(golden, 1),
    gaps: [
      { from: 3, through: 3 },
      { from: 6, through: 7 },
    ],
  })
}
