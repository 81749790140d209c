import { test } from 'node:test'
import { Random } from '../support/kit.ts'
import { compareReaders, soupLog } from '../support/soup.ts'

for (let seed = 0; seed < 12; seed += 4) {
  test(`seeds ${seed} to ${seed + 3}: whatever stands in its files, a log is read as its specification says`, async () => {
    for (let each = seed; each < seed + 4; each++) {
      const random = new Random(each)
      for (let log = 0; log < 40; log++) await compareReaders(soupLog(random), `seed ${each}, log ${log}`)
    }
  })
}

test('sectors that cannot be read count as bytes that do not verify', async () => {
  const random = new Random(5)
  for (let log = 0; log < 100; log++) {
    const files = soupLog(random).map((file) => {
      const sectors = Math.ceil(file.content.length / 512)
      return {
        ...file,
        unreadable: Array.from({ length: random.below(3) }, () => random.below(sectors)).filter(
          (sector) => sector * 512 < file.content.length,
        ),
      }
    })
    await compareReaders(files, `log ${log}`)
  }
})
