import assert from 'node:assert/strict'
import type { Engine } from '../../replicated/engine.ts'
import type { Checks } from './case.ts'
import { type EngineSubject, message, numberOf, take } from './engine-subject.ts'

async function filled(subject: EngineSubject, count: number): Promise<Engine> {
  const engine = await subject.open()
  for (let number = 1; number <= count; number++) await engine.append(message(number))
  return engine
}

/** The first place that a reading tells of; undefined where it refuses, or ends. */
async function firstTold(engine: Engine, from: number): Promise<number | undefined> {
  const controller = new AbortController()
  try {
    for await (const messages of engine.read({ from, signal: controller.signal })) {
      if (messages.length > 0) return messages[0]!.place
    }
  } catch {}
  return undefined
}

/** What an engine keeps, and what it lets go of. */
export const engineKeeping: Checks<EngineSubject> = {
  async 'trimming removes what is before a place, and nothing else'(subject) {
    const engine = await filled(subject, 10)
    const { incarnation } = await engine.range()
    await engine.trim(4)
    assert.deepEqual(await engine.range(), { first: 4, last: 10, incarnation })
    assert.deepEqual((await take(engine, 4, 7)).map(numberOf), [4, 5, 6, 7, 8, 9, 10])
    for (const before of [1, 4]) await engine.trim(before)
    assert.equal((await engine.range()).first, 4)
    assert.equal(await engine.append(message(11)), 11)
  },

  async 'a place that was trimmed is not told of, and what is behind it is not passed off as it'(subject) {
    const engine = await filled(subject, 10)
    await engine.trim(6)
    const told = await firstTold(engine, 2)
    assert.ok(told === undefined || told >= 6, `it told of place ${told}`)
  },

  async 'the end is remembered where everything is trimmed, also by who comes later'(subject) {
    const engine = await filled(subject, 5)
    await engine.trim(6)
    const { first, last } = await engine.range()
    assert.deepEqual({ first, last }, { first: 6, last: 5 })
    await subject.close(engine)
    const later = await subject.open()
    assert.equal((await later.range()).last, 5)
    assert.equal(await later.append(message(6)), 6)
    assert.deepEqual((await take(later, 6, 1)).map(numberOf), [6])
  },

  async 'trimming beyond the end loses nothing that comes later'(subject) {
    const engine = await filled(subject, 3)
    await engine.trim(50)
    const { first, last } = await engine.range()
    assert.deepEqual({ first, last }, { first: 4, last: 3 })
    assert.equal(await engine.append(message(4)), 4)
    assert.deepEqual((await take(engine, 4, 1)).map(numberOf), [4])
  },

  async 'an object is got as it was put, by everybody, and is not there before'(subject) {
    const [one, other] = [await subject.open(), await subject.open()]
    assert.equal(await one.objects.get('a/none'), undefined)
    const values = [0, 1, 255, 65_536, one.objects.maxBytes].map((length) =>
      length < 4 ? new Uint8Array(length).fill(9) : message(length, length),
    )
    for (const [at, value] of values.entries()) await one.objects.put(`pieces/a-1/${at}`, value)
    for (const [at, value] of values.entries()) {
      const found = await other.objects.get(`pieces/a-1/${at}`)
      assert.ok(found && Buffer.from(value).equals(found), `object ${at} of ${value.length} bytes`)
    }
    await one.objects.put('pieces/a-1/1', values[1]!)
    assert.deepEqual([...(await other.objects.get('pieces/a-1/1'))!], [...values[1]!])
  },

  async 'objects are listed and removed by what their keys begin with, parted by a slash'(subject) {
    const engine = await subject.open()
    const { objects } = engine
    const keys = ['m/1', 'm/2-b', 'm/2/x', 'm2/1', 'mm', 'n/0/1/2']
    for (const key of keys) await objects.put(key, message(1))
    assert.deepEqual((await objects.list('m')).toSorted(), ['m/1', 'm/2-b', 'm/2/x'])
    assert.deepEqual(await objects.list('n/0'), ['n/0/1/2'])
    assert.deepEqual(await objects.list('none'), [])
    await objects.remove('m/2')
    assert.deepEqual((await objects.list('m')).toSorted(), ['m/1', 'm/2-b'])
    await objects.remove('mm')
    await objects.remove('m')
    await objects.remove('m')
    const left = await Promise.all(keys.map((key) => objects.get(key)))
    assert.deepEqual(
      keys.filter((_, at) => left[at]),
      ['m2/1', 'n/0/1/2'],
    )
  },

  async 'objects outlive the way to them, and messages do not mind them'(subject) {
    const one = await filled(subject, 2)
    await one.objects.put('a', message(1))
    await subject.close(one)
    const other = await subject.open()
    await other.trim(3)
    assert.ok(Buffer.from(message(1)).equals((await other.objects.get('a'))!))
    assert.equal((await other.range()).last, 2)
  },
}
