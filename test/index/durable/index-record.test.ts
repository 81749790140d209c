/** The record that says what vectors a log holds. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  collect,
  type DurableIndex,
  type DurableIndexOptions,
  flat,
  indexIdentity,
  openIndex,
  openWal,
  refusal,
  temporaryDirectory,
} from '../../support/kit.ts'

const open = (
  t: TestContext,
  directory: string,
  options: Partial<DurableIndexOptions> = {},
): Promise<DurableIndex> =>
  openIndex(t, { directory, index: flat({ dimensions: 2, metric: 'l2' }), ...options })

test('the first record says what vectors the log holds, and an empty index says so too', async (t) => {
  const directory = await temporaryDirectory(t)
  await (await open(t, directory, { model: 'm' })).close()
  const wal = await openWal(t, { directory, readOnly: true })
  const [first] = await collect(wal.read())
  const identity = { dimensions: 2, metric: 'l2', elementType: 'f32', model: 'm' }
  assert.deepEqual([first!.seq, indexIdentity(first!.entry), wal.recovery.index], [0, identity, identity])
  await assert.rejects(
    open(t, directory, { index: flat({ dimensions: 3, metric: 'l2' }) }),
    refusal('WALV_INDEX_MISMATCH'),
  )
})

test('it is written once, and again only where the model becomes known', async (t) => {
  const directory = await temporaryDirectory(t)
  for (const options of [{}, {}, { model: 'm' }, { model: 'm' }, {}])
    await (await open(t, directory, options)).close()
  const wal = await openWal(t, { directory, readOnly: true })
  const said = (await collect(wal.read())).map(({ entry }) => indexIdentity(entry)?.model)
  assert.deepEqual(said, [undefined, 'm'])
})
