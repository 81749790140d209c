import assert from 'node:assert/strict'
import { truncate } from 'node:fs/promises'
import { type TestContext, test } from 'node:test'
import { openVectorFile } from '../../../src/cli/import/index.ts'
import { temporaryFile } from '../temporary.ts'
import { assertFailsAfter, assertRefused, bits, collect, readAll } from './vector-files.ts'

/** Written by numpy 2.4.6. */
const numpyFiles = {
  version1:
    'k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9ICAgICAg' +
    'ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAIA/AAAgwM3MzD0BAKB/AQAAAP//' +
    'f38=',
  version2:
    'k05VTVBZAgB0AAAAeydkZXNjcic6ICc8ZjQnLCAnZm9ydHJhbl9vcmRlcic6IEZhbHNlLCAnc2hhcGUnOiAoMiwgMyksIH0gICAg' +
    'ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAIA/AAAgwM3MzD0BAKB/AQAAAP//' +
    'f38=',
  version3:
    'k05VTVBZAwB0AAAAeydkZXNjcic6ICc8ZjQnLCAnZm9ydHJhbl9vcmRlcic6IEZhbHNlLCAnc2hhcGUnOiAoMiwgMyksIH0gICAg' +
    'ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAIA/AAAgwM3MzD0BAKB/AQAAAP//' +
    'f38=',
  bigEndian:
    'k05VTVBZAQB2AHsnZGVzY3InOiAnPmY0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9ICAgICAg' +
    'ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAo/gAAAwCAAAD3MzM1/oAABAAAAAX9/' +
    '//8=',
  float64:
    'k05VTVBZAQB2AHsnZGVzY3InOiAnPGY4JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9ICAgICAg' +
    'ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAADwPwAAAAAAAATAmpmZmZmZ' +
    'uT9Z8/jCH26lAQAAAAAAAPh/AAAAAAAA8P8=',
  oneDimension:
    'k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsKSwgfSAgICAgICAg' +
    'ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAMA/AAAgQA==',
}

const DATA_OFFSET = 128
/**
 * Of every file above but the last two: 1, −2.5, 0.1; a signalling NaN, the smallest subnormal, the
 * largest float32.
 */
const float32Bits = [
  [0x3f800000, 0xc0200000, 0x3dcccccd],
  [0x7fa00001, 0x00000001, 0x7f7fffff],
]

function numpyFile(t: TestContext, name: keyof typeof numpyFiles): Promise<string> {
  return temporaryFile(t, 'a.npy', Buffer.from(numpyFiles[name], 'base64'))
}

/** A file of version 1.0 as numpy lays it out, with any text as its header. */
function npy(header: string, data: Uint8Array = Buffer.alloc(24)): Buffer {
  const text = `${header.padEnd(DATA_OFFSET - 11)}\n`
  const start = Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, text.length & 0xff, text.length >> 8])
  return Buffer.concat([start, Buffer.from(text, 'latin1'), data])
}

const header = (descr: string, order: string, shape: string): string =>
  `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }`

function npyFile(t: TestContext, text: string, data?: Uint8Array): Promise<string> {
  return temporaryFile(t, 'a.npy', npy(text, data))
}

for (const name of ['version1', 'version2', 'version3', 'bigEndian'] as const) {
  test(`A .npy file of numpy (${name}) gives its rows bit for bit under their numbers`, async (t) => {
    const file = await numpyFile(t, name)
    const { format, bytes, rows, dimensions } = await openVectorFile(file)
    assert.deepEqual(
      { format, bytes, rows, dimensions },
      { format: 'npy', bytes: 152, rows: 2, dimensions: 3 },
    )
    const read = await readAll(file)
    assert.deepEqual(
      read.map(({ id, where, endOffset }) => ({ id, where, endOffset })),
      [
        { id: '0', where: 'row 0', endOffset: 140 },
        { id: '1', where: 'row 1', endOffset: 152 },
      ],
    )
    assert.deepEqual(
      read.map(({ vector }) => bits(vector)),
      float32Bits,
    )
  })
}

test('A .npy file of float64 is rounded to float32, its infinities and NaN kept', async (t) => {
  const file = await numpyFile(t, 'float64')
  const [first, second] = await readAll(file)
  assert.deepEqual(Array.from(first!.vector), [1, -2.5, Math.fround(0.1)])
  assert.deepEqual(Array.from(second!.vector), [0, Number.NaN, Number.NEGATIVE_INFINITY])
})

test('A one-dimensional .npy file is one vector', async (t) => {
  const file = await numpyFile(t, 'oneDimension')
  const read = await readAll(file)
  assert.deepEqual(
    read.map(({ id, vector }) => [id, ...vector]),
    [['0', 1.5, 2.5]],
  )
})

test('The header of a .npy file may order its members and write its strings and numbers as Python may', async (t) => {
  const text = `{"shape":(2L,3L),"fortran_order":False,"descr":"<f4"}`
  assert.equal((await readAll(await npyFile(t, text))).length, 2)
})

test('A number that float32 cannot hold is named with its row and offset', async (t) => {
  const data = Buffer.from(new Float64Array([1, 2, 3, -1e39]).buffer)
  const file = await npyFile(t, header(`'<f8'`, 'False', '(2, 2)'), data)
  await assertFailsAfter(file, 1, /row 1 holds a number that is too large for float32/, DATA_OFFSET + 24)
})

test('A .npy file that is cut short is refused before a row is read, wherever the cut is', async (t) => {
  const whole = Buffer.from(numpyFiles.version1, 'base64')
  for (let bytes = 1; bytes < whole.length; bytes++) {
    const file = await temporaryFile(t, 'a.npy', whole.subarray(0, bytes))
    if (bytes < 6) await assertRefused(file, /does not begin as a \.npy file does/, 0)
    else if (bytes < DATA_OFFSET) await assertRefused(file, /the header is cut short/, 0)
    else await assertRefused(file, /the file ends, where its header says that it has 152 bytes/, bytes)
  }
  await assertRefused(await temporaryFile(t, 'a.npy', ''), /it is empty/, 0)
})

test('A .npy file with bytes behind its array is refused', async (t) => {
  const whole = Buffer.from(numpyFiles.version1, 'base64')
  const file = await temporaryFile(t, 'a.npy', Buffer.concat([whole, whole]))
  await assertRefused(file, /the array of 2 × 3 ends, and 152 more bytes follow/, 152)
})

test('A .npy file whose magic or version is another is refused', async (t) => {
  const other = Buffer.from(numpyFiles.version1, 'base64')
  other[0] = 0x92
  await assertRefused(await temporaryFile(t, 'a.npy', other), /does not begin as a \.npy file does/, 0)
  const newer = Buffer.from(numpyFiles.version1, 'base64')
  newer[6] = 4
  await assertRefused(await temporaryFile(t, 'a.npy', newer), /the format version is 4\.0/, 6)
})

test('A header length that exceeds the limit is refused without believing it', async (t) => {
  const file = Buffer.from(numpyFiles.version2, 'base64')
  file.writeUInt32LE(0xffffffff, 8)
  await assertRefused(await temporaryFile(t, 'a.npy', file), /the header is longer than 65536 bytes/, 0)
})

const refusedHeaders: [title: string, header: string, message: RegExp][] = [
  [
    'of complex numbers',
    header(`'<c8'`, 'False', '(2, 3)'),
    /its elements are <c8, not one of <f2, >f2, <f4/,
  ],
  ['of integers', header(`'|u1'`, 'False', '(2, 12)'), /its elements are \|u1, not/],
  [
    'of structures',
    header(`[('descr', '<f4'), ('y', '<f4')]`, 'False', '(3,)'),
    /its elements are a structure, not/,
  ],
  ['in Fortran order', header(`'<f4'`, 'True', '(2, 3)'), /the array is in Fortran order/],
  ['of three dimensions', header(`'<f4'`, 'False', '(1, 2, 3)'), /the array has 3 dimensions/],
  ['of no dimension', header(`'<f4'`, 'False', '()'), /the array has 0 dimensions/],
  ['without rows', header(`'<f4'`, 'False', '(0, 3)'), /it holds no vectors/],
  ['of empty rows', header(`'<f4'`, 'False', '(3, 0)'), /each row has 0 dimensions/],
  ['of rows too long', header(`'<f4'`, 'False', '(65536,)'), /each row has 65536 dimensions/],
  ['without descr', `{'fortran_order': False, 'shape': (2, 3), }`, /the header does not name 'descr'/],
  [
    'without fortran_order',
    `{'descr': '<f4', 'shape': (2, 3), }`,
    /the header does not name 'fortran_order'/,
  ],
  ['without shape', `{'descr': '<f4', 'fortran_order': False, }`, /the header does not name 'shape'/],
  ['with a negative shape', header(`'<f4'`, 'False', '(-2, 3)'), /the header does not name 'shape'/],
  ['with no text', '', /the header does not name 'descr'/],
]
for (const [title, text, message] of refusedHeaders) {
  test(`A .npy file ${title} is refused`, async (t) => {
    await assertRefused(await npyFile(t, text), message, 0)
  })
}

test('A shape beyond all numbers is a truncated file, not an allocation', async (t) => {
  for (const rows of ['99999999999999999999', '9'.repeat(50)]) {
    const file = await npyFile(t, header(`'<f4'`, 'False', `(${rows}, 3)`))
    await assertRefused(file, /the file ends, where its header says/, DATA_OFFSET + 24)
  }
})

test('A .npy file of a gigabyte is read in little memory', async (t) => {
  const rows = 4096
  const file = await npyFile(t, header(`'<f4'`, 'False', `(${rows}, 65535)`), Buffer.alloc(0))
  await truncate(file, DATA_OFFSET + rows * 65_535 * 4)
  const before = process.memoryUsage().rss
  let highest = before
  let count = 0
  for await (const { vector } of (await openVectorFile(file)).read()) {
    assert.equal(vector.length, 65_535)
    if (++count % 64 === 0) highest = Math.max(highest, process.memoryUsage().rss)
  }
  assert.equal(count, rows)
  assert.ok(highest - before < 200 * 2 ** 20, `${highest - before} bytes more than before`)
})

test('A .npy file that shrinks between opening and reading is not taken for a whole one', async (t) => {
  const file = await numpyFile(t, 'version1')
  const source = await openVectorFile(file)
  await truncate(file, 145)
  await assert.rejects(collect(source.read()), { code: 'WALV_INVALID_FILE', offset: 140 })
})

test('Numbers of float16 and of big-endian float64 are exact, also the smallest and the largest', async (t) => {
  // As numpy.float16 has them: subnormal, least normal, one, largest, minus zero.
  const bits = [0x0001, 0x0400, 0x3c00, 0x7bff, 0x8000]
  const numbers = [2 ** -24, 2 ** -14, 1, 65504, -0]
  const rowOf = async (
    descr: string,
    bytes: number,
    write: (content: Buffer, i: number) => void,
  ): Promise<number[]> => {
    const content = Buffer.alloc(bytes * 5)
    for (let i = 0; i < 5; i++) write(content, i)
    const file = await npyFile(t, header(descr, 'False', '(1, 5)'), content)
    const [row] = await readAll(file)
    return [...row!.vector]
  }
  assert.deepEqual(await rowOf(`'<f2'`, 2, (content, i) => content.writeUInt16LE(bits[i]!, i * 2)), numbers)
  assert.deepEqual(await rowOf(`'>f2'`, 2, (content, i) => content.writeUInt16BE(bits[i]!, i * 2)), numbers)
  assert.deepEqual(
    await rowOf(`'>f8'`, 8, (content, i) => content.writeDoubleBE(numbers[i]!, i * 8)),
    numbers,
  )
})
