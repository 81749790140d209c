import assert from 'node:assert/strict'
import { chmod, mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { openVectorFile } from '../../../src/cli/import/index.ts'
import { temporaryFile, temporaryFolder } from '../temporary.ts'
import { assertRefused, isError } from './vector-files.ts'

test('The end of the name says what a file is, in small or capital letters', async (t) => {
  const line = '{"id":"a","vector":[1]}'
  assert.equal((await openVectorFile(await temporaryFile(t, 'a.b.JSONL', line))).format, 'jsonl')
})

test('A file of another kind is refused with the kinds that can be read', async () => {
  for (const name of ['a.bin', 'a', 'a.', '.npy', 'a.constructor', 'a.bin.gz']) {
    await assert.rejects(openVectorFile(name), isError('WALV_USAGE', /ends in \.jsonl, \.json, \.csv, \.npy/))
  }
})

for (const extension of ['fvecs', 'npy', 'jsonl']) {
  test(`A .${extension} file that is not there is refused with its path`, async (t) => {
    const file = join(await temporaryFolder(t), `a.${extension}`)
    const expected = isError('WALV_INVALID_FILE', /there is no such file\. Check the path\.$/)
    await assert.rejects(openVectorFile(file), (error) => {
      assert.ok((error as Error).message.includes(file))
      return expected(error)
    })
  })

  test(`A directory named like a .${extension} file is refused`, async (t) => {
    const file = join(await temporaryFolder(t), `a.${extension}`)
    await mkdir(file)
    await assertRefused(file, /it is not a regular file/, 0)
  })
}

test('A file that may not be read is refused as such', async (t) => {
  const file = await temporaryFile(t, 'a.jsonl', '{"id":"a","vector":[1]}')
  await chmod(file, 0)
  await chmod(dirname(file), 0o755)
  const isRoot = process.geteuid?.() === 0
  // The superuser may read everything: be nobody for a moment.
  if (isRoot) process.seteuid?.(65_534)
  try {
    await assert.rejects(openVectorFile(file), isError('WALV_PERMISSION', /it may not be read \(EACCES\)/))
  } finally {
    if (isRoot) process.seteuid?.(0)
  }
})

test('A file that cannot be looked up is an input or output error', async () => {
  const name = `${'a'.repeat(300)}.jsonl`
  await assert.rejects(openVectorFile(name), isError('WALV_IO', /reading it failed \(ENAMETOOLONG/))
})
