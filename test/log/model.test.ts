/**
 * Random histories of a log, with power cuts and kills, against a model of a few lines: the list of
 * all records, and what of them takes effect.
 */
import { test } from 'node:test'
import fc from 'fast-check'
import {
  Add,
  Append,
  Batch,
  Begin,
  Checkpoint,
  End,
  Look,
  openWal,
  type Real,
  Reopen,
} from '../fuzz/log-commands.ts'
import type { Model } from '../fuzz/log-model.ts'
import { anyEntry } from '../support/entries.ts'
import { type BatchMember, SimulatedDisk } from '../support/kit.ts'

/** A few of these fill a segment. */
const large: fc.Arbitrary<BatchMember> = fc.nat(9_000).map((dimensions) => ({
  type: 'insert',
  id: 'large',
  vector: new Float32Array(dimensions).fill(0.5),
  metadata: null,
}))
const entries = fc.array(anyEntry, { minLength: 1, maxLength: 6 })
const which = fc.nat(5)

const commands: fc.Arbitrary<fc.AsyncCommand<Model, Real>>[] = [
  fc.tuple(entries, fc.boolean()).map(([given, awaits]) => new Append(given, awaits)),
  fc
    .tuple(fc.array(large, { minLength: 1, maxLength: 3 }), fc.boolean())
    .map(([given, awaits]) => new Append(given, awaits)),
  entries.map((given) => new Batch(given)),
  fc.constant(new Begin()),
  fc.tuple(which, fc.oneof(anyEntry, large)).map(([at, entry]) => new Add(at, entry)),
  fc.tuple(which, anyEntry).map(([at, entry]) => new Add(at, entry)),
  fc.tuple(which, fc.constantFrom('prepare', 'commit', 'abort')).map(([at, how]) => new End(at, how)),
  fc.nat(3).map((back) => new Checkpoint(back)),
  fc.double({ min: 0, max: 1, noNaN: true }).map((part) => new Look(part)),
  fc
    .tuple(fc.constantFrom('close', 'kill', 'power cut'), fc.nat())
    .map(([how, seed]) => new Reopen(how, seed)),
]

test('whatever is appended, begun, ended, checkpointed, closed, killed and cut off, the log holds what the model says', async () => {
  await fc.assert(
    fc.asyncProperty(fc.commands(commands, { maxCommands: 60, size: 'max' }), async (history) => {
      const disk = new SimulatedDisk()
      const model: Model = { records: [], acknowledged: 0, openedAt: 0, trouble: [] }
      const real: Real = { disk, wal: await openWal(disk), transactions: new Map() }
      await fc.asyncModelRun(() => ({ model, real }), history)
      await new Reopen('close', 0).run(model, real)
      await real.wal.close()
    }),
    { numRuns: 100, includeErrorInReport: true },
  )
})
