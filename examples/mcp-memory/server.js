import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { WalError } from 'walv'
import { z } from 'zod'
import { Memory } from './memory.js'

// Standard output is the protocol's alone: whatever else there is to say goes to standard error.
const directory = process.argv[2] ?? process.env.MEMORY_DIRECTORY
if (!directory) {
  console.error('Say where the memories are: node server.js DIRECTORY, or MEMORY_DIRECTORY=DIRECTORY')
  process.exit(2)
}

// Nothing is answered before everything that was acknowledged is back.
const memory = await Memory.open(directory)
const server = new McpServer({ name: 'walv-memory', version: '0.1.0' })
const underWay = new Set()

/** A tool whose `work` resolves to an object for programs, and the same as a text for the model. */
function tool(name, definition, work) {
  const call = async (input) => {
    try {
      const { text, ...structuredContent } = await work(input)
      return { content: [{ type: 'text', text }], structuredContent }
    } catch (error) {
      return { content: [{ type: 'text', text: told(error) }], isError: true }
    }
  }
  server.registerTool(name, definition, (input) => {
    const answer = call(input)
    underWay.add(answer)
    return answer.finally(() => underWay.delete(answer))
  })
}

/** An error of walv has a code, and says if what was asked for may have been done all the same. */
function told(error) {
  if (!(error instanceof WalError)) return error.message
  const doubt = error.fate === 'unknown' ? ' It may have been done: recall before you try again.' : ''
  return `${error.code}: ${error.message}${doubt}`
}

const id = z.string().describe('The id that remember or recall has told.')
const found = z.object({ id: z.string(), memory: z.string(), at: z.string(), distance: z.number() })

tool(
  'remember',
  {
    description: 'Keeps a text for all sessions, now and later. Answers when it is safely on the disk.',
    inputSchema: {
      text: z.string().trim().min(1).max(10_000).describe('One fact, in a sentence of its own.'),
    },
    outputSchema: { id: z.string() },
  },
  async ({ text }) => {
    const id = await memory.remember(text)
    return { id, text: `Remembered as ${id}.` }
  },
)

tool(
  'recall',
  {
    description: 'Finds what was remembered, by any session, that is nearest to a text.',
    inputSchema: {
      text: z.string().trim().min(1).describe('A question, or what the memories are to be about.'),
      limit: z.number().int().min(1).max(100).default(5).describe('How many memories at most.'),
    },
    outputSchema: { memories: z.array(found) },
    annotations: { readOnlyHint: true },
  },
  async ({ text, limit }) => {
    const memories = (await memory.recall(text, limit)).map(({ text, ...rest }) => ({
      ...rest,
      memory: text,
    }))
    const lines = memories.map(({ id, at, memory }) => `${id} (${at.slice(0, 10)}): ${memory}`)
    return { memories, text: lines.join('\n') || 'Nothing is remembered yet.' }
  },
)

tool(
  'forget',
  {
    description: 'Removes a memory, for all sessions. Can be taken back with undo.',
    inputSchema: { id },
    outputSchema: { id: z.string() },
    annotations: { destructiveHint: true, idempotentHint: true },
  },
  async ({ id }) => {
    if (!(await memory.forget(id))) throw new Error(`There is no memory ${id}.`)
    return { id, text: `Forgot ${id}. To have it back, undo.` }
  },
)

tool(
  'undo',
  {
    description:
      'Takes back the last change of a memory; without an id, the last change of this session. ' +
      'To undo an undo, call it again.',
    inputSchema: { id: id.optional() },
    outputSchema: { id: z.string(), undone: z.enum(['remember', 'forget']), memory: z.string() },
  },
  async ({ id }) => {
    const { text, ...undone } = await memory.undo(id)
    const now = undone.undone === 'remember' ? 'is forgotten' : 'is remembered again'
    return {
      ...undone,
      memory: text,
      text: `The last ${undone.undone} is undone: ${undone.id} ${now}. ${text}`,
    }
  },
)

let isEnding = false

/** Answers what was asked, and closes the memory. The process ends when nothing is left to do. */
async function end() {
  if (isEnding) return
  isEnding = true
  process.stdin.pause()
  await Promise.allSettled(underWay)
  await memory.close()
}

process.stdin.once('end', end)
process.stdout.on('error', end)
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, end)

await server.connect(new StdioServerTransport())
