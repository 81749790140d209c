import { Memory } from './memory.js'

const [command, ...words] = process.argv.slice(2)
const text = words.join(' ')
const memory = await Memory.open(process.env.DATA ?? './memory')

if (command === 'remember') console.log(await memory.remember(text))
else if (command === 'recall')
  for (const { text: found, distance } of await memory.recall(text)) console.log(distance.toFixed(2), found)
else if (command === 'consolidate')
  console.log(
    await memory.consolidate(
      (await memory.recall(text, { k: 2 })).map(({ id }) => id),
      text,
    ),
  )
else console.error('node main.js remember|recall|consolidate TEXT')

await memory.close()
