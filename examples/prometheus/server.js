/** `node server.js`: the service of `service.js` on a port, until it is interrupted. Settings come from the environment. */
import { flat } from 'walv'
import { startService } from './service.js'

const {
  PORT = '9464',
  DIRECTORY = './data',
  DIMENSIONS = '3',
  CHECKPOINT_INTERVAL_ENTRIES = '10000',
} = process.env

const service = await startService({
  port: Number(PORT),
  directory: DIRECTORY,
  index: flat({ dimensions: Number(DIMENSIONS), metric: 'cosine' }),
  checkpointIntervalEntries: Number(CHECKPOINT_INTERVAL_ENTRIES),
})
console.log(`listening on ${service.url}`)

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => service.close())
