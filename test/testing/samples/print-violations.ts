import { crashTest } from './crash-test.ts'
import { save } from './save-in-place.ts'

const { violations } = await crashTest(save)
for (const { error, cut } of violations.slice(0, 1)) {
  console.log(
    ['What happened:', ...cut!.story, 'What of it is on the disk:', ...cut!.landed, error.message].join('\n'),
  )
}
