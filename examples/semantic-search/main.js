import { DurableIndex, flat } from 'walv'
import { WordEmbeddings } from './embed.js'

const SENTENCES = [
  'The ship left the harbor at night.',
  'Doctors treat patients in the hospital.',
  'The orchestra played a symphony.',
  'Parliament passed the new law.',
  'The team won the championship game.',
  'Farmers grow wheat and corn.',
  'The stock market fell sharply.',
  'Engineers built a bridge across the river.',
]

const model = await WordEmbeddings.load()
const index = await DurableIndex.open({
  directory: process.env.DATA ?? './sentences',
  index: flat({ dimensions: model.dimensions }),
  model: 'glove-100d-10k',
})

// Run again, it finds them there.
if (index.size === 0)
  await index.insertMany(
    SENTENCES.map((text, n) => ({ id: `s${n}`, vector: model.embed(text), metadata: { text } })),
  )

const question = process.argv.slice(2).join(' ') || 'a boat on the sea'
for (const { distance, metadata } of await index.search(model.embed(question), { k: 3 }))
  console.log((1 - distance).toFixed(2), metadata.text)

await index.close()
