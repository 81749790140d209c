/** Nodes of one replicated index, on a real engine. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { LogToOpen } from '../../src/log/log.ts'
import { DurableIndex, flat, temporaryDirectory } from './kit.ts'

const CHANGES = 200
const WINDOW = 25

/**
 * Three nodes write the same ids at once; one is closed and comes again, and a fresh one joins from
 * a snapshot. All of them agree, and nothing acknowledged is missing.
 */
export async function agreeOn(t: TestContext, logOf: (cacheDirectory: string) => LogToOpen): Promise<void> {
  const folder = await temporaryDirectory(t)
  const open = (name: string) =>
    DurableIndex.open({ log: logOf(join(folder, name)), index: flat({ dimensions: 4 }) })
  const nodes = await Promise.all(['a', 'b', 'c'].map(open))
  const acknowledged = (await Promise.all(nodes.map(insertAll))).flat()
  assert.equal(new Set(acknowledged).size, acknowledged.length, 'an id was inserted twice')
  await nodes[0]!.checkpoint()
  await nodes[2]!.close()
  await nodes[1]!.delete(acknowledged[0]!)
  nodes[2] = await open('c')
  nodes.push(await open('d'))
  for (const node of nodes) {
    await node.sync()
    assert.equal(node.size, acknowledged.length - 1)
    for (const id of acknowledged.slice(1)) assert.ok(node.has(id), `${id} was acknowledged`)
  }
  assert.equal(new Set(nodes.map((node) => node.fingerprint())).size, 1)
  assert.equal(new Set(nodes.map((node) => node.position!.seq)).size, 1)
  for (const node of nodes) await node.close()
}

/** Each inserts ids that the others want, too. Resolves to those that it won. */
async function insertAll(node: DurableIndex): Promise<string[]> {
  const won: string[] = []
  for (let first = 0; first < CHANGES; first += WINDOW)
    await Promise.all(
      Array.from({ length: WINDOW }, async (_, each) => {
        const id = `${first + each}`
        const lost = await node.insert(id, [first, each, 1, 1], { by: 'one' }).catch((error) => error)
        if (lost === undefined) won.push(id)
        else assert.equal(lost.code, 'WALV_DUPLICATE_ID')
      }),
    )
  return won
}
