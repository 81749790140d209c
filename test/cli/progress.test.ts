import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { type Progress, startProgress } from '../../src/cli/progress.ts'

class Terminal {
  readonly isTTY: boolean
  readonly columns: number
  written: string[] = []

  constructor(isTTY = true, columns = 100) {
    this.isTTY = isTTY
    this.columns = columns
  }

  write(text: string): void {
    this.written.push(text)
  }

  /** What stands on the line after all that was written. */
  get line(): string {
    return this.written.join('').split('\x1b[2K').at(-1)!
  }
}

let time = 0
const now = (): number => time
beforeEach(() => {
  time = 0
  process.env.TERM = 'xterm'
})

function advance(progress: Progress, milliseconds: number, done: number): void {
  time += milliseconds
  progress.update(done)
}

test('A bar shows share, counts, rate and the time that is left', () => {
  const stream = new Terminal()
  const progress = startProgress({ label: 'importing', total: 10_000, unit: 'count', stream, now })
  advance(progress, 2000, 2500)
  assert.equal(stream.line, 'importing  [######------------------]   25%  2,500 of 10,000  1,250/s  6 s left')
  advance(progress, 6000, 10_000)
  assert.equal(
    stream.line,
    'importing  [########################]  100%  10,000 of 10,000  1,250/s  0 ms left',
  )
})

test('Bytes have their units, and nothing done has no time left', () => {
  const stream = new Terminal()
  const progress = startProgress({ label: 'reading', total: 2 ** 30, unit: 'bytes', stream, now })
  advance(progress, 1000, 0)
  assert.equal(stream.line, 'reading  [------------------------]    0%  0 bytes of 1 GiB  0 bytes/s')
  advance(progress, 1000, 2 ** 29)
  assert.equal(
    stream.line,
    'reading  [############------------]   50%  512 MiB of 1 GiB  256 MiB/s  2 s left',
  )
})

test('Without a known total there is a count and a rate', () => {
  const stream = new Terminal()
  const progress = startProgress({ label: 'reading', unit: 'count', stream, now })
  advance(progress, 500, 1000)
  assert.equal(stream.line, 'reading  1,000  2,000/s')
})

test('The end clears the line, once, also when the scope is left by an error', () => {
  const stream = new Terminal()
  assert.throws(() => {
    using progress = startProgress({ label: 'importing', total: 2, unit: 'count', stream, now })
    advance(progress, 100, 1)
    assert.notEqual(stream.line, '')
    progress.end()
    throw new Error('left')
  }, /left/)
  assert.equal(stream.line, '')
  assert.equal(stream.written.length, 2)
})

test('It is drawn at most ten times a second, and not at all for what is done at once', () => {
  const stream = new Terminal()
  const progress = startProgress({ label: 'importing', total: 1000, unit: 'count', stream, now })
  for (let done = 0; done < 99; done++) advance(progress, 1, done)
  assert.deepEqual(stream.written, [])
  for (let done = 99; done < 1000; done++) advance(progress, 1, done)
  assert.equal(stream.written.length, 10)
  startProgress({ label: 'importing', unit: 'count', stream, now }).end()
  assert.equal(stream.written.length, 10)
})

test('A line is never longer than the terminal is wide', () => {
  const stream = new Terminal(true, 20)
  advance(startProgress({ label: 'importing', total: 10, unit: 'count', stream, now }), 100, 5)
  assert.equal(stream.line.length, 19)
  const unknown = new Terminal(true, 0)
  advance(startProgress({ label: 'x'.repeat(100), total: 10, unit: 'count', stream: unknown, now }), 100, 5)
  assert.equal(unknown.line.length, 79)
})

test('Where there is no terminal, or a dumb one, nothing is written', () => {
  const run = (stream: Terminal): void => {
    const progress = startProgress({ label: 'importing', total: 10, unit: 'count', stream, now })
    advance(progress, 5000, 5)
    progress.end()
    assert.deepEqual(stream.written, [])
  }
  run(new Terminal(false))
  process.env.TERM = 'dumb'
  run(new Terminal())
})
