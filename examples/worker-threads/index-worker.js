// Owns the index. Answers each message { id, call, args } by { id, result } or { id, error }.
import { parentPort, workerData } from 'node:worker_threads'
import { DurableIndex, flat } from 'walv'

const index = await DurableIndex.open({
  directory: workerData.directory,
  index: flat({ dimensions: workerData.dimensions }),
})

const calls = {
  upsert: (id, vector, metadata) => index.upsert(id, vector, metadata),
  search: (query, k) => index.search(query, { k }),
  size: () => index.size,
  close: () => index.close(),
}

parentPort.on('message', async ({ id, call, args }) => {
  try {
    parentPort.postMessage({ id, result: await calls[call](...args) })
  } catch ({ code, message }) {
    parentPort.postMessage({ id, error: { code, message } })
  }
  if (call === 'close') parentPort.close()
})
