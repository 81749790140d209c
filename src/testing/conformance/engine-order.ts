import assert from 'node:assert/strict'
import type { Checks } from './case.ts'
import { type EngineSubject, message, numberOf, take } from './engine-subject.ts'

const GUARANTEES = ['quorum-synced', 'quorum-memory', 'one-synced', 'one-memory']
const LARGE_MESSAGES = 24

/** The order of an engine: what is appended, and how it is read. */
export const engineOrder: Checks<EngineSubject> = {
  async 'it says what it is, and what is safe with it'(subject) {
    const { name, guarantee, maxFrameBytes, objects } = await subject.open()
    assert.ok(name.length > 0 && name.length <= 500, 'its name is for messages')
    assert.ok(GUARANTEES.includes(guarantee), guarantee)
    assert.ok(maxFrameBytes >= 64 * 1024 && objects.maxBytes >= 64 * 1024)
  },

  async 'a new one is empty, and its first place is 1'(subject) {
    const engine = await subject.open()
    const { first, last, incarnation } = await engine.range()
    assert.deepEqual({ first, last }, { first: 1, last: 0 })
    assert.ok(incarnation.length > 0 && incarnation.length <= 200)
    assert.equal(await engine.append(message(1)), 1)
  },

  async 'places are dense, and a message comes back as it was appended'(subject) {
    const engine = await subject.open()
    const lengths = [4, 5, 24, 255, 256, 4_096, 65_536]
    for (const [at, length] of lengths.entries())
      assert.equal(await engine.append(message(at, length)), at + 1)
    const found = await take(engine, 1, lengths.length)
    for (const [at, length] of lengths.entries())
      assert.ok(
        Buffer.from(message(at, length)).equals(found[at]!.bytes),
        `message ${at + 1} has other bytes`,
      )
    assert.equal((await engine.range()).last, lengths.length)
  },

  async 'the longest message comes back as it was appended'(subject) {
    const engine = await subject.open()
    const longest = message(7, engine.maxFrameBytes)
    const place = await engine.append(longest)
    const [found] = await take(engine, place, 1)
    assert.ok(Buffer.from(longest).equals(found!.bytes))
  },

  async 'what was handed over may be changed when append has resolved'(subject) {
    const engine = await subject.open()
    const bytes = message(1)
    await engine.append(bytes)
    bytes.fill(0)
    assert.ok(Buffer.from(message(1)).equals((await take(engine, 1, 1))[0]!.bytes))
  },

  async 'messages that are appended at once are all there, each at the place that it was told'(subject) {
    const [one, other] = [await subject.open(), await subject.open()]
    const places = await Promise.all(
      Array.from({ length: 60 }, (_, at) => (at % 2 ? one : other).append(message(at))),
    )
    assert.equal(new Set(places).size, 60)
    const { last } = await one.range()
    const found = await take(other, 1, last)
    for (const [at, place] of places.entries()) assert.equal(numberOf(found[place - 1]!), at)
  },

  async 'all readers are told the same order'(subject) {
    const [one, other] = [await subject.open(), await subject.open()]
    await Promise.all(Array.from({ length: 40 }, (_, at) => (at % 2 ? one : other).append(message(at))))
    const [a, b] = await Promise.all([take(one, 1, 40), take(other, 1, 40)])
    assert.deepEqual(a.map(numberOf), b.map(numberOf))
    assert.deepEqual((await take(one, 15, 10)).map(numberOf), a.slice(14, 24).map(numberOf))
  },

  async 'what is acknowledged to one is within the range of another'(subject) {
    const [one, other] = [await subject.open(), await subject.open()]
    for (let number = 1; number <= 10; number++)
      assert.ok((await one.append(message(number))) <= (await other.range()).last)
  },

  async 'a reading waits for what is not there yet, and goes on with what others append'(subject) {
    const [one, other] = [await subject.open(), await subject.open()]
    const reading = take(one, 1, 20)
    for (let number = 0; number < 20; number++) await other.append(message(number))
    assert.deepEqual(
      (await reading).map(numberOf),
      Array.from({ length: 20 }, (_, at) => at),
    )
    const ahead = take(one, 23, 1)
    for (let number = 20; number < 23; number++) await other.append(message(number))
    assert.equal(numberOf((await ahead)[0]!), 22)
  },

  async 'a slow reader of large messages is told all of them'(subject) {
    const [one, other] = [await subject.open(), await subject.open()]
    const length = Math.min(one.maxFrameBytes, 1024 * 1024)
    for (let number = 0; number < LARGE_MESSAGES; number++) await one.append(message(number, length))
    const controller = new AbortController()
    let next = 1
    for await (const messages of other.read({ from: 1, signal: controller.signal })) {
      for (const each of messages) {
        assert.equal(each.place, next++)
        assert.ok(Buffer.from(message(each.place - 1, length)).equals(each.bytes))
      }
      if (next > LARGE_MESSAGES) break
      await one.range()
    }
    assert.equal(next, LARGE_MESSAGES + 1)
  },

  async 'a reading ends without an error when its signal is aborted, or it is closed'(subject) {
    const [one, other] = [await subject.open(), await subject.open()]
    await one.append(message(1))
    const controller = new AbortController()
    let told = 0
    for await (const messages of one.read({ from: 1, signal: controller.signal })) {
      told += messages.length
      controller.abort()
    }
    assert.equal(told, 1)
    for await (const _ of one.read({ from: 1, signal: AbortSignal.abort() }))
      assert.fail('it was aborted before')
    let isOver = false
    const reading = (async () => {
      for await (const _ of other.read({ from: 2, signal: new AbortController().signal })) break
    })()
      // Closing is the one case in which it may reject: nobody asks any more.
      .catch(() => {})
      .then(() => {
        isOver = true
      })
    await one.range()
    await subject.close(other)
    await reading
    assert.ok(isOver)
  },

  async 'everything is there for who comes later, and it is the same store'(subject) {
    const one = await subject.open()
    const { incarnation } = await one.range()
    for (let number = 0; number < 5; number++) await one.append(message(number))
    await subject.close(one)
    const other = await subject.open()
    assert.deepEqual(await other.range(), { first: 1, last: 5, incarnation })
    assert.deepEqual((await take(other, 1, 5)).map(numberOf), [0, 1, 2, 3, 4])
    assert.equal(await other.append(message(5)), 6)
  },
}
