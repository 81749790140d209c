// What a program in TypeScript may rely on. Compiled, not run.
import { DurableIndex, type Hit, type JsonValue, Wal, WalError, type WalErrorCode } from 'walv'
import { flat } from 'walv/flat'
import { SimulatedDisk, vectorIndexConformance } from 'walv/testing'
import { readV1Directory } from 'walv/v1'

export async function nearest(query: Float32Array): Promise<readonly Hit[]> {
  await using index = await DurableIndex.open({
    directory: './data',
    index: flat({ dimensions: 3, metric: 'l2' }),
  })
  await index.insert('a', [1, 2, 3], { title: 'x', tags: ['y'] })
  return index.search(query, {
    k: 3,
    filter: (metadata: JsonValue, id: string) => metadata !== null && id !== 'b',
  })
}

export async function codes(): Promise<WalErrorCode | undefined> {
  const wal = await Wal.open({ directory: './log', disk: new SimulatedDisk() })
  try {
    const seq: number = await wal.append({ type: 'delete', id: 'a' })
    for await (const record of wal.read({ from: seq })) if (record.entry.type === 'delete') return undefined
  } catch (error) {
    if (error instanceof WalError) return error.code
  }
  // @ts-expect-error There is no such option.
  await Wal.open({ directory: './log', fsync: true })
  // @ts-expect-error There is no such code.
  const wrong: WalErrorCode = 'WALV_NO_SUCH_CODE'
  return wrong
}

export const cases: number = vectorIndexConformance(() => flat({ dimensions: 2 })).length
export const old: typeof readV1Directory = readV1Directory
