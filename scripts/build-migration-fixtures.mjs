// Makes the stores under test/fixtures/migrate/ with the genuine libraries, which are too large to
// be dependencies of the tests (320 MB). They are installed into a temporary folder. Needs a build
// (`npm run build`) for the word vectors that stand in for a model. The ids that vectra draws are
// random: a new run changes them.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const PACKAGES = [
  '@langchain/core@1.4.0',
  '@langchain/community@1.1.29',
  '@langchain/classic@1.0.50',
  'hnswlib-node@3.0.0',
  'vectra@0.15.0',
]
const TARGET = fileURLToPath(new URL('../test/fixtures/migrate/', import.meta.url))
const { demoWords } = await import(new URL('../dist/cli/demo/words.js', import.meta.url).href)

const documents = JSON.parse(readFileSync(join(TARGET, 'documents.json'), 'utf8'))
const folder = mkdtempSync(join(tmpdir(), 'walv-migration-'))
try {
  execFileSync('npm', ['install', '--prefix', folder, '--no-save', '--legacy-peer-deps', ...PACKAGES], {
    stdio: 'inherit',
  })
  const required = createRequire(join(folder, 'index.js'))
  const embeddings = await wordEmbeddings()
  await memoryVectorStore(await imported(required, '@langchain/classic/vectorstores/memory'), embeddings)
  const hnswlib = await imported(required, '@langchain/community/vectorstores/hnswlib')
  for (const space of ['cosine', 'l2', 'ip']) await hnswlibFolder(hnswlib, embeddings, space)
  await vectraFolders(required('vectra'), embeddings)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

/** The ES module: the same that LangChain's own packages import. */
function imported(required, name) {
  return import(pathToFileURL(required.resolve(name)).href.replace(/\.cjs$/, '.js'))
}

/** The mean of the vectors of a text's words. test/langchain/word-embeddings.ts does the same. */
async function wordEmbeddings() {
  const vectors = new Map()
  const words = await demoWords()
  for await (const { id, vector } of words) vectors.set(id, vector)
  const embed = (text) => {
    const found = (text.toLowerCase().match(/[a-z]+/g) ?? []).flatMap((word) => vectors.get(word) ?? [])
    return Array.from(
      { length: words.dimensions },
      (_, i) => found.reduce((sum, v) => sum + v[i], 0) / found.length,
    )
  }
  return { embedQuery: async (text) => embed(text), embedDocuments: async (texts) => texts.map(embed) }
}

async function memoryVectorStore({ MemoryVectorStore }, embeddings) {
  // Every third document has an id of its own.
  const given = documents.map((document, i) => (i % 3 === 0 ? { ...document, id: `doc-${i}` } : document))
  const store = await MemoryVectorStore.fromDocuments(given, embeddings)
  writeFileSync(join(TARGET, 'memory-vector-store.json'), JSON.stringify(store.memoryVectors))
}

async function hnswlibFolder({ HNSWLib }, embeddings, space) {
  const store = new HNSWLib(embeddings, { space })
  await store.addDocuments(documents.slice(0, 5))
  await store.addDocuments(documents.slice(5))
  await store.save(join(TARGET, `hnswlib-${space}`))
}

async function vectraFolders({ LocalIndex, LocalDocumentIndex }, embeddings) {
  const place = (name) => {
    rmSync(join(TARGET, name), { recursive: true, force: true })
    return join(TARGET, name)
  }
  const index = new LocalIndex(place('vectra'))
  // What is not among these goes to a file of its own, with all the rest.
  await index.createIndex({ version: 1, metadata_config: { indexed: ['topic', 'page'] } })
  for (const [i, { pageContent, metadata }] of documents.entries()) {
    const vector = await embeddings.embedQuery(pageContent)
    await index.insertItem({
      id: `item-${i}`,
      vector,
      metadata: i < 10 ? { ...metadata, text: pageContent } : metadata,
    })
  }
  const model = {
    maxTokens: 8000,
    createEmbeddings: async (texts) => ({
      status: 'success',
      output: await embeddings.embedDocuments([texts].flat()),
    }),
  }
  const folderPath = place('vectra-documents')
  const chunks = new LocalDocumentIndex({
    folderPath,
    embeddings: model,
    chunkingConfig: { chunkSize: 12, chunkOverlap: 0 },
  })
  await chunks.createIndex({ version: 1 })
  for (const topic of ['sea', 'history']) {
    const text = documents
      .filter(({ metadata }) => metadata.topic === topic)
      .map(({ pageContent }) => `${pageContent}.`)
      .join('\n\n')
    await chunks.upsertDocument(`${topic}.txt`, text, 'txt', topic === 'sea' ? { topic } : undefined)
  }
}
