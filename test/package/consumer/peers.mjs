// What the adapters do with the versions of their packages that are installed. Prints what each
// says.
import { hnswlib } from 'walv/hnswlib'
import { WalvVectorStore } from 'walv/langchain'
import { instrument } from 'walv/otel'
import { usearch } from 'walv/usearch'

const refusalOf = (make) => {
  try {
    return `made ${make({ dimensions: 2 }).dimensions}`
  } catch ({ code, message }) {
    return `${code} ${message}`
  }
}

instrument().disable()
const embed = async (text) => [text.charCodeAt(0), 100]
const embeddings = { embedQuery: embed, embedDocuments: (texts) => Promise.all(texts.map(embed)) }
const store = await WalvVectorStore.fromTexts(['a', 'b'], [{ x: 1 }, { x: 2 }], embeddings, {
  directory: './store',
})
const [found] = await store.asRetriever({ k: 1 }).invoke('b')
await store.close()
console.log(
  JSON.stringify({ found: found.metadata, usearch: refusalOf(usearch), hnswlib: refusalOf(hnswlib) }),
)
