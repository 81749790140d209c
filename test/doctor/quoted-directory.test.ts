import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { diagnose, temporaryDirectory, writeLog } from '../support/kit.ts'
import { flipRecordOf } from '../support/sick-logs.ts'

const run = promisify(execFile)

test('Steps name the directory so that a shell takes it', async (t) => {
  const directory = join(await temporaryDirectory(t), "it's a $HOME")
  await writeLog(directory, ['doc-a', 'doc-b'])
  await flipRecordOf('doc-a')(directory)
  const { remedy } = await diagnose({ directory })
  const quoted = `'${directory.replace("'", "'\\''")}'`
  assert.ok(
    remedy.steps.some((step) => step.endsWith(`\nnpx walv repair ${quoted}`)),
    remedy.steps.join('\n'),
  )
})

test('A step says what in the directory’s name cannot be seen, so that bash takes it all the same', async (t) => {
  const directory = join(await temporaryDirectory(t), "it's\n\\a\u202e\u0007")
  await writeLog(directory, ['doc-a', 'doc-b'])
  await flipRecordOf('doc-a')(directory)
  const { remedy } = await diagnose({ directory })
  const parent = directory.slice(0, directory.lastIndexOf('/'))
  const command = remedy.steps.find((step) => step.includes('\n'))!.split('\n')[1]!
  assert.equal(command, `npx walv repair $'${parent}/it\\'s\\u000a\\\\a\\u202e\\u0007'`)
  const { stdout } = await run('bash', ['-c', `printf %s ${command.slice('npx walv repair '.length)}`], {
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
  })
  assert.equal(stdout, directory)
})
