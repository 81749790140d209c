/** Six clients of examples/mcp-memory on one store, whose servers are killed at random. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { DurableIndex, flat, Random, temporaryDirectory } from '../support/kit.ts'
import { McpSession, ToolError } from './mcp-session.ts'
import { Example } from './started.ts'

const CLIENTS = 6
const KILLS = 6
const CALLS_BETWEEN_KILLS = 25

interface Memory {
  readonly text: string
  /** As the server told; undefined where it was killed before. */
  id?: string
  /** `unknown`: the server was killed before it answered the last change. */
  fate: 'remembered' | 'forgotten' | 'unknown'
}

/** One client and its server, which it starts again when that is killed. */
class ForgetfulClient {
  readonly memories: Memory[] = []
  answered = 0
  session!: McpSession
  readonly #random: Random
  readonly #start: () => Promise<McpSession>

  constructor(seed: number, start: () => Promise<McpSession>) {
    this.#random = new Random(seed)
    this.#start = start
  }

  async start(): Promise<void> {
    this.session = await this.#start()
  }

  /** Calls, up to eight at a time, until it is told to stop. */
  async live(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const idle = this.#random.shuffle(this.memories.filter(({ fate }) => fate !== 'unknown'))
      await Promise.all(Array.from({ length: 1 + this.#random.below(8) }, () => this.#call(idle.pop())))
      if (this.session.isEnded) await this.start()
    }
  }

  /** One call, about a memory that no other is about now. */
  async #call(memory: Memory | undefined): Promise<void> {
    if (memory === undefined || this.#random.chance(0.5)) return this.#remember()
    if (this.#random.chance(0.3)) return this.#recall(memory)
    const { id, fate } = memory
    const isThere = fate === 'remembered'
    const isUndone = !isThere || this.#random.chance(0.3)
    await this.#change(memory, isThere ? 'forgotten' : 'remembered', async () => {
      if (!isUndone) return this.session.forget(id!)
      const { undone } = await this.session.undo(id)
      assert.equal(undone, isThere ? 'remember' : 'forget')
    })
  }

  async #remember(): Promise<void> {
    const text = Array.from({ length: 4 }, () => word(this.#random)).join(' ')
    const memory: Memory = { text, fate: 'unknown' }
    this.memories.push(memory)
    await this.#change(memory, 'remembered', async () => {
      memory.id = await this.session.remember(text)
    })
  }

  /** It reads its own writes. */
  async #recall({ id, text, fate }: Memory): Promise<void> {
    const found = await this.#answer(() => this.session.recall(text))
    if (found === undefined) return
    const ids = found.map((each) => each.id)
    assert.equal(ids.includes(id!), fate === 'remembered', `${text} is ${fate}, and recalled is ${ids}`)
  }

  async #change(memory: Memory, fate: Memory['fate'], work: () => Promise<void>): Promise<void> {
    memory.fate = 'unknown'
    await this.#answer(async () => {
      await work()
      memory.fate = fate
    })
  }

  /** Undefined where the server was killed meanwhile; nothing else may go wrong. */
  async #answer<T>(work: () => Promise<T>): Promise<T | undefined> {
    const { session } = this
    try {
      const answer = await work()
      this.answered++
      return answer
    } catch (error) {
      if (error instanceof ToolError || !session.isEnded) throw error
      return undefined
    }
  }
}

const word = (random: Random): string =>
  Array.from({ length: 8 }, () => String.fromCharCode(97 + random.below(26))).join('')

/** Who leads is in the lock file; nobody, between two leaders. */
function leadingPid(directory: string): number | undefined {
  try {
    return JSON.parse(readFileSync(join(directory, 'LOCK'), 'utf8')).pid
  } catch {
    return undefined
  }
}

/**
 * Kills at random, every other time whoever leads, until it is told to stop. Resolves to how many
 * leaders it has killed.
 */
async function killServers(
  clients: readonly ForgetfulClient[],
  directory: string,
  random: Random,
  signal: AbortSignal,
): Promise<number> {
  const answered = (): number => clients.reduce((sum, client) => sum + client.answered, 0)
  let leaders = 0
  for (let kills = 0; kills < KILLS; kills++) {
    const before = answered()
    while (answered() < before + CALLS_BETWEEN_KILLS && !signal.aborted) await delay(2)
    if (signal.aborted) break
    const living = clients.map(({ session }) => session).filter(({ isEnded }) => !isEnded)
    const leader = living.find(({ pid }) => pid === leadingPid(directory))
    const victim = kills % 2 === 0 && leader !== undefined ? leader : random.pick(living)
    if (victim === leader) leaders++
    await victim.kill()
  }
  return leaders
}

async function start(
  t: TestContext,
  seed: number,
): Promise<{ clients: ForgetfulClient[]; directory: string }> {
  const { folder } = new Example(t, 'mcp-memory')
  const directory = join(await temporaryDirectory(t), 'memory')
  const clients = Array.from(
    { length: CLIENTS },
    (_, number) => new ForgetfulClient(seed + number, () => McpSession.start(t, folder, directory)),
  )
  await Promise.all(clients.map((client) => client.start()))
  return { clients, directory }
}

/** All recall the same, with the same ids and distances and in the same order, soon. */
async function untilAlike(clients: readonly ForgetfulClient[], texts: readonly string[]): Promise<void> {
  const recalled = ({ session }: ForgetfulClient): Promise<unknown> =>
    Promise.all(texts.map((text) => session.recall(text, 100)))
  let answers: unknown[] = []
  for (let left = 200; left > 0; left--) {
    answers = await Promise.all(clients.map(recalled))
    if (new Set(answers.map((answer) => JSON.stringify(answer))).size === 1) return
  }
  for (const answer of answers) assert.deepEqual(answer, answers[0])
}

/** What was acknowledged is there once, under the id that was told; what was forgotten is not. */
async function checkStore(directory: string, memories: readonly Memory[]): Promise<void> {
  const index = await DurableIndex.open<{ text: string }>({
    directory,
    index: flat({ dimensions: 256 }),
    readOnly: true,
  })
  const idsOf = new Map<string, string[]>()
  for (const [id, { metadata }] of index.entries())
    idsOf.set(metadata.text, [...(idsOf.get(metadata.text) ?? []), id])
  await index.close()
  for (const { text, id, fate } of memories) {
    const ids = idsOf.get(text) ?? []
    if (fate === 'remembered') assert.deepEqual(ids, [id], `${text} was acknowledged`)
    else if (fate === 'forgotten') assert.deepEqual(ids, [], `${text} was forgotten`)
    else assert.ok(ids.length <= 1 && (!id || !ids[0] || ids[0] === id), `${text} is there as ${ids}`)
    idsOf.delete(text)
  }
  assert.deepEqual([...idsOf.keys()], [], 'nobody has told these')
}

test('six clients remember on one store, servers are killed: what was answered holds, once, for all', async (t) => {
  const seed = Number(process.env.WALV_SEED ?? Math.floor(Math.random() * 2 ** 32))
  t.diagnostic(`WALV_SEED=${seed}`)
  const { clients, directory } = await start(t, seed)
  const stop = new AbortController()
  const lives = clients.map((client) => client.live(stop.signal))
  // Where one of them finds something wrong, all end.
  for (const life of lives) life.catch(() => stop.abort())
  const leaders = await killServers(clients, directory, new Random(seed), stop.signal)
  stop.abort()
  await Promise.all(lives)
  assert.ok(leaders >= KILLS / 4, `${leaders} leaders were killed`)

  const memories = clients.flatMap((client) => client.memories)
  const texts = Array.from({ length: 5 }, (_, at) => memories[at * 7]!.text)
  await untilAlike(clients, texts)
  for (const { session } of clients) assert.deepEqual(session.protocolErrors, [])
  await checkStore(directory, memories)
  await Promise.all(clients.map(({ session }) => session.close()))
  await checkStore(directory, memories)
})
