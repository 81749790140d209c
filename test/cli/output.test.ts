import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  coloursFor,
  formatBytes,
  formatCount,
  formatDuration,
  formatQuantity,
  table,
} from '../../src/cli/output.ts'

test('Bytes are shown in binary units with three digits', () => {
  const expected: [bytes: number, text: string][] = [
    [0, '0 bytes'],
    [1, '1 byte'],
    [1023, '1,023 bytes'],
    [1024, '1 KiB'],
    [1536, '1.5 KiB'],
    [4_079_933, '3.89 MiB'],
    [64 * 2 ** 20, '64 MiB'],
    [2 ** 20 - 1, '1 MiB'],
    [2 ** 30 - 1, '1 GiB'],
    [1023 * 2 ** 30, '1023 GiB'],
    [2 ** 53, '8 PiB'],
  ]
  for (const [bytes, text] of expected) assert.equal(formatBytes(bytes), text)
})

test('Durations are shown in the unit that suits them', () => {
  const expected: [milliseconds: number, text: string][] = [
    [0, '0 ms'],
    [0.4242, '0.424 ms'],
    [850, '850 ms'],
    [999.4, '999 ms'],
    [999.9, '1 s'],
    [1234, '1.23 s'],
    [59_949, '59.9 s'],
    [59_999, '1 min 0 s'],
    [125_000, '2 min 5 s'],
    [3_599_600, '1 h 0 min'],
    [12_000_000, '3 h 20 min'],
  ]
  for (const [milliseconds, text] of expected) assert.equal(formatDuration(milliseconds), text)
})

test('Counts are grouped, and agree with their noun', () => {
  assert.equal(formatCount(341_479), '341,479')
  assert.equal(formatQuantity(1, 'word'), '1 word')
  assert.equal(formatQuantity(0, 'word'), '0 words')
  assert.equal(formatQuantity(1000, 'entry', 'entries'), '1,000 entries')
})

test('A table aligns its columns, coloured cells too, and leaves no spaces at the ends of lines', () => {
  const { red } = coloursFor({ isTTY: true }, {})
  const rows = [
    ['segments', '3', 'fine'],
    [red('lost'), '12,345', ''],
    ['x', ''],
  ]
  assert.equal(table(rows, 'lr'), `segments       3  fine\n${red('lost')}      12,345\nx`)
  assert.equal(table([]), '')
})

test('Colours are for terminals alone, and not where NO_COLOR or a dumb terminal asks for none', () => {
  assert.equal(coloursFor({ isTTY: true }, {}).green('ok'), '\x1b[32mok\x1b[39m')
  assert.equal(coloursFor({ isTTY: true }, { NO_COLOR: '' }).bold('ok'), '\x1b[1mok\x1b[22m')
  for (const [stream, env] of [
    [{}, {}],
    [{ isTTY: false }, {}],
    [{ isTTY: true }, { NO_COLOR: '1' }],
    [{ isTTY: true }, { TERM: 'dumb' }],
  ] as const) {
    const { bold, dim, red, green, yellow } = coloursFor(stream, env)
    assert.equal(bold(dim(red(green(yellow('ok'))))), 'ok')
  }
})
