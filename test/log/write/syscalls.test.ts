/** What the log asks of the operating system, seen from outside with strace. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { names, temporaryDirectory, writeLog } from '../../support/kit.ts'

const CHILD = fileURLToPath(new URL('./syscalls-child.js', import.meta.url))
const TRACED = [
  'open,openat,creat,access,faccessat,faccessat2,stat,statx,newfstatat',
  'write,writev,pwrite64,pwritev,pwritev2,ftruncate,fallocate',
  'fsync,fdatasync,sync,sync_file_range',
  'rename,renameat,renameat2,unlink,unlinkat,rmdir,mkdir,mkdirat,link,linkat,symlink,symlinkat',
].join(',')

interface SystemCall {
  readonly name: string
  /** The first path among the arguments, or that of the descriptor. */
  readonly path: string
  /** The last path, where there are two. */
  readonly target: string
  readonly text: string
}

/**
 * The calls of a process and its threads that concern the folder of the log, and the marks, in
 * order.
 */
async function trace(work: 'write' | 'read', folder: string): Promise<SystemCall[]> {
  const options = ['-f', '-y', '-s', '0', '-e', `trace=${TRACED}`, '-o', join(folder, 'trace')]
  const environment = { ...process.env, UV_USE_IO_URING: '0' }
  const command = [...options, process.execPath, CHILD, work, join(folder, 'log')]
  await promisify(execFile)('strace', command, { env: environment }).catch((error: NodeJS.ErrnoException) => {
    assert.notEqual(
      error.code,
      'ENOENT',
      'strace is missing. Install the package `strace`; `npm test` does it by itself.',
    )
    throw error
  })
  const lines = (await readFile(join(folder, 'trace'), 'utf8')).split('\n')
  return lines.map(parse).filter((call) => call !== undefined && concerns(call, folder)) as SystemCall[]
}

function parse(line: string): SystemCall | undefined {
  const match = /^\d+ +(\w+)\((.*)$/.exec(line)
  if (!match) return undefined
  const [, name, text] = match
  if (/ = -1 E/.test(text!))
    return name!.includes('stat') || name!.includes('access') ? markOf(text!) : undefined
  // Quoted paths are arguments, those in angle brackets belong to descriptors; AT_FDCWD's is none.
  const paths = [...text!.replace(/AT_FDCWD<[^>]*>/g, '').matchAll(/"([^"]*)"|\d<([^>]*)>/g)].map(
    // A file that got its name by a link is known to its descriptors by the name that was taken
    // from it.
    ([, quoted, of]) => quoted ?? of!.replace(name === 'pwrite64' ? /\.tmp$/ : /^$/, ''),
  )
  return { name: name!, path: paths[0] ?? '', target: paths.at(-1) ?? '', text: text! }
}

function markOf(text: string): SystemCall | undefined {
  const mark = /"\/walv-mark-(\w+)"/.exec(text)?.[1]
  return mark === undefined ? undefined : { name: 'mark', path: mark, target: mark, text }
}

const concerns = ({ name, path, target }: SystemCall, folder: string): boolean =>
  name === 'mark' || path === folder || [path, target].some((each) => each.startsWith(`${folder}/`))

const between = (calls: readonly SystemCall[], from: string, to: string): SystemCall[] => {
  const at = (mark: string): number => calls.findIndex(({ name, path }) => name === 'mark' && path === mark)
  assert.ok(at(from) >= 0 && at(to) > at(from), `the trace has the marks ${from} and ${to}`)
  return calls.slice(at(from) + 1, at(to))
}

const LOOKS = new Set(['mark', 'access', 'faccessat', 'faccessat2', 'stat', 'statx', 'newfstatat'])
const changes = ({ name }: SystemCall): boolean => !LOOKS.has(name) && !name.startsWith('open')

test('each small group is one call that writes it to the segment and syncs it, and nothing else', async (t) => {
  const directory = await temporaryDirectory(t)
  const calls = await trace('write', directory)
  const groups = between(calls, 'groups', 'rotations').filter(changes)
  const segment = join(directory, 'log/segment-0000000001.walv')
  assert.deepEqual(
    groups.map(({ name, path }) => `${name} ${path}`),
    Array.from({ length: 20 }, () => `pwrite64 ${segment}`),
  )
  // Opened when its zeros were written, under its temporary name.
  const reopened = calls.find(
    ({ name, target, text }) => name === 'openat' && target === `${segment}.tmp` && text.includes('O_DSYNC'),
  )
  const descriptor = / = (\d+)</.exec(reopened!.text)![1]
  for (const { text } of groups) assert.ok(text.startsWith(`${descriptor}<`), text)
})

test('every directory is synced after a name in it was created, renamed or unlinked', async (t) => {
  const directory = await temporaryDirectory(t)
  const calls = await trace('write', directory)
  let unsynced: string[] = []
  const seen = { created: 0, renamed: 0, unlinked: 0, synced: 0 }
  for (const { name, path, target, text } of calls) {
    const note = (of: string, what: keyof typeof seen): void => {
      seen[what]++
      // What is written under a temporary name counts once it has another; nobody relies on the
      // lock's name.
      if (!of.includes('.tmp') && !of.endsWith('/LOCK')) unsynced.push(of)
    }
    if (name === 'fsync') {
      seen.synced++
      unsynced = unsynced.filter((of) => dirname(of) !== path)
    } else if (/^(mkdir|creat)/.test(name) || text.includes('O_CREAT')) note(path, 'created')
    else if (/^(rename|link)/.test(name)) note(target, 'renamed')
    else if (/^(unlink|rmdir)/.test(name)) note(path, 'unlinked')
    else if (name === 'pwrite64')
      assert.ok(!unsynced.includes(path), `${path} is written before its name is durable`)
  }
  assert.deepEqual(unsynced, [], 'at the end')
  assert.ok(
    seen.created > 10 && seen.renamed > 5 && seen.unlinked > 5 && seen.synced > 10,
    JSON.stringify(seen),
  )
})

test('a read-only open opens nothing for writing and changes nothing', async (t) => {
  const directory = await temporaryDirectory(t)
  const log = join(directory, 'log')
  await mkdir(log)
  await writeLog(log, names('id', 1000))
  const calls = await trace('read', directory)
  const opens = calls.filter(({ name }) => name.startsWith('open'))
  assert.ok(opens.length > 1)
  assert.deepEqual(
    opens.filter(({ text }) => !text.includes('O_RDONLY') || /O_WRONLY|O_RDWR|O_CREAT|O_TRUNC/.test(text)),
    [],
  )
  assert.deepEqual(calls.filter(changes), [])
})
