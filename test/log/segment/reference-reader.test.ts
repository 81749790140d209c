import { test } from 'node:test'
import { Random } from '../../support/kit.ts'
import { compareReaders, largeLog } from '../../support/soup.ts'

test('records and damage that reach over the edges of a window are read as the specification says', async () => {
  const random = new Random(7)
  for (let log = 0; log < 8; log++) await compareReaders(largeLog(random), `log ${log}`)
})
