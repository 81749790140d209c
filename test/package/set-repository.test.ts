/** What is to be known before walv is published is set in one place, by one command. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { removeFolder, temporaryFolder } from './installed.ts'
import { ROOT, run } from './nodes.ts'

const SCRIPT = 'scripts/set-repository.mjs'
const FILES = ['SECURITY.md', 'CODE_OF_CONDUCT.md', '.github/ISSUE_TEMPLATE/config.yml']

/** A copy of what the script reads and writes, and the script in it. */
async function copy(t: TestContext) {
  const cwd = await temporaryFolder()
  t.after(() => removeFolder(cwd))
  for (const path of [SCRIPT, 'package.json', ...FILES]) cpSync(join(ROOT, path), join(cwd, path))
  return {
    script: (...args: string[]) => run(process.execPath, [SCRIPT, ...args], { cwd }),
    text: (path: string) => readFileSync(join(cwd, path), 'utf8'),
  }
}

test('one command sets all, and says before that it is missing', async (t) => {
  const { script, text } = await copy(t)
  const before = JSON.parse(text('package.json'))
  const { repository: _1, homepage: _2, bugs: _3, ...others } = before
  if (before.repository === undefined)
    await assert.rejects(script('--check'), {
      code: 1,
      stderr:
        /^Not set yet: package\.json: repository, package\.json: homepage, package\.json: bugs, SECURITY\.md, CODE/,
    })
  await script('https://github.com/example/walv', 'someone@example.org')
  await script('--check')
  const { repository, homepage, bugs, ...rest } = JSON.parse(text('package.json'))
  assert.deepEqual(rest, others)
  assert.deepEqual(
    { repository, homepage, bugs },
    {
      repository: { type: 'git', url: 'git+https://github.com/example/walv.git' },
      homepage: 'https://github.com/example/walv#readme',
      bugs: { url: 'https://github.com/example/walv/issues' },
    },
  )
  if (before.repository === undefined) {
    assert.match(text('SECURITY.md'), /<someone@example\.org>/)
    assert.match(text('CODE_OF_CONDUCT.md'), /<someone@example\.org>/)
    assert.match(text('.github/ISSUE_TEMPLATE/config.yml'), / https:\/\/github\.com\/example\/walv\/security/)
  }
  await script('https://github.com/example/walv', 'someone@example.org', 'https://example.org')
  assert.equal(JSON.parse(text('package.json')).homepage, 'https://example.org')
})

test('what is no repository and no address is refused, and nothing is written', async (t) => {
  const { script, text } = await copy(t)
  const before = text('package.json')
  for (const args of [
    [],
    ['walv', 'a@b.c'],
    ['https://github.com/a/walv.git', 'a@b.c'],
    ['https://github.com/a/walv', 'a'],
  ])
    await assert.rejects(script(...args), { code: 1 })
  assert.equal(text('package.json'), before)
})

test('nothing but the script has an address that is not set', () => {
  const found = execFileSync('git', ['grep', '-l', '--untracked', 'walv[.]invalid'], {
    cwd: ROOT,
    encoding: 'utf8',
  })
  const allowed = [SCRIPT, 'test/package/set-repository.test.ts', ...FILES]
  assert.deepEqual(
    found
      .trim()
      .split('\n')
      .filter((path) => !allowed.includes(path)),
    [],
  )
})
