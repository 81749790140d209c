import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TurnLimit } from '../../../src/index/durable/turn-limit.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function busy(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

/** Callers that are let go on one by one, and note in which turn they did. */
function callers(count: number, goOn: () => void): { readonly turns: number[]; step(): boolean } {
  const turns: number[] = []
  let now = 0
  const next = (): void => {
    now++
    if (turns.length < count) setImmediate(next)
  }
  setImmediate(next)
  let left = count
  return {
    turns,
    step() {
      if (left === 0) return false
      left--
      Promise.resolve().then(() => {
        goOn()
        turns.push(now)
      })
      return true
    },
  }
}

test('callers that take long and are answered together do not go on all in one turn', async () => {
  const { turns, step } = callers(100, () => busy(0.5))
  new TurnLimit(step).go()
  while (turns.length < 100) await turn()
  // Sixteen take 8 ms, which is more than a turn may take.
  const most = Math.max(...turns.map((each) => turns.filter((other) => other === each).length))
  assert.equal(most, 16)
})

test('in each turn the first are let go on at once', async () => {
  for (let seen = 0; seen < 10; seen++) {
    let left = 2
    const limit = new TurnLimit(() => left-- > 0)
    limit.go()
    assert.equal(left, -1)
    await turn()
  }
})

test('one a turn is never put off, and what comes while there is a pause waits for its end', async () => {
  let waiting = 0
  let done = 0
  const limit = new TurnLimit(() => {
    if (done === waiting) return false
    done++
    return true
  })
  for (let each = 1; each <= 100; each++) {
    waiting++
    limit.go()
    assert.equal(done, each)
    await turn()
  }
  waiting += 40
  limit.go()
  assert.equal(done, 116)
  busy(5)
  limit.go()
  assert.equal(done, 116)
  for (let turns = 0; done < 140 && turns < 5; turns++) await turn()
  assert.equal(done, 140)
})

test('timers have their turn between two stretches', async () => {
  const { turns, step } = callers(200, () => busy(0.5))
  let most = 0
  let before = 0
  const timer = setInterval(() => {
    most = Math.max(most, turns.length - before)
    before = turns.length
  }, 1)
  // As an answer of the system would.
  await import('node:fs/promises').then(({ stat }) => stat('.'))
  new TurnLimit(step).go()
  while (turns.length < 200) await turn()
  clearInterval(timer)
  assert.equal(most, 16)
})
