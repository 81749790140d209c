/** Counts the steps of recovering a v1 log of so many sections that each seem to lead back to the beginning; run as a process of its own. */
import { join } from 'node:path'
import { recoverV1 } from '../../src/log/v1/recover.ts'
import { collect, frame, header, nth } from '../v1/helpers.ts'
import { Coverage } from './coverage.ts'
import { MeteredDisk } from './metered-disk.ts'

const count = Number(process.argv[2])
const section = (seq: number): Buffer[] => [header(), frame(seq, { type: 'delete', id: '', timestamp: 0n })]
const chain = Array.from({ length: count }, (_, index) => section(index + 1))
const starts = Array.from({ length: count }, () => [section(count), section(0)])
const disk = new MeteredDisk([[join('/log', nth(1)), Buffer.concat([chain, starts].flat(3))]])
const coverage = new Coverage([new URL('../../src/', import.meta.url).href])
await collect(recoverV1(disk, '/log', { policy: 'salvage' }))
process.stdout.write(String(coverage.look(true).steps))
