import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { writeFully } from '../../src/disk/disk.ts'
import { SimulatedDisk } from '../support/kit.ts'
import { bytesOf, diskWith, outcomes, picture, put, SECTOR, sectors, tree } from './disk-pictures.ts'

/** One of each kind, on files that are there. */
async function everything(disk: SimulatedDisk): Promise<void> {
  await disk.makeDirectory('/d')
  const file = await disk.open('/d/f', 'create')
  await file.write(sectors('ab'), 0)
  await file.sync()
  await file.truncate(SECTOR)
  await file.close()
  await file.close()
  await disk.syncDirectory('/d')
  await disk.rename('/d/f', '/d/g')
  const again = await disk.open('/d/g', 'read')
  await again.size()
  await again.read(Buffer.alloc(10), 5)
  await disk.list('/d')
  const lock = await disk.lock('/d/LOCK', 'me')
  assert.ok(!lock.held)
  await lock.release()
  await disk.remove('/d')
}

test('every operation is counted and written down', async () => {
  const disk = new SimulatedDisk()
  await everything(disk)
  assert.deepEqual(disk.ops, [
    { number: 0, kind: 'makeDirectory', path: '/d' },
    { number: 1, kind: 'create', path: '/d/f' },
    { number: 2, kind: 'write', path: '/d/f', position: 0, bytes: 1024 },
    { number: 3, kind: 'sync', path: '/d/f' },
    { number: 4, kind: 'truncate', path: '/d/f', bytes: 512 },
    { number: 5, kind: 'close', path: '/d/f' },
    { number: 6, kind: 'syncDirectory', path: '/d' },
    { number: 7, kind: 'rename', path: '/d/f', to: '/d/g' },
    { number: 8, kind: 'open', path: '/d/g' },
    { number: 9, kind: 'size', path: '/d/g' },
    { number: 10, kind: 'read', path: '/d/g', position: 5, bytes: 10 },
    { number: 11, kind: 'list', path: '/d' },
    { number: 12, kind: 'lock', path: '/d/LOCK' },
    { number: 13, kind: 'unlock', path: '/d/LOCK' },
    { number: 14, kind: 'remove', path: '/d' },
  ])
})

test('any operation can be made to fail with any code, and then does nothing that reads would see', async () => {
  const whole = new SimulatedDisk()
  await everything(whole)
  for (const { number, kind } of whole.ops) {
    const disk = new SimulatedDisk()
    disk.onOperation = (operation) => (operation.number === number ? { code: 'EIO' } : undefined)
    await assert.rejects(everything(disk), { code: 'EIO' }, kind)
    disk.onOperation = undefined
    assert.equal(disk.ops.length, number + 1)
    const untilThen = new SimulatedDisk()
    untilThen.onOperation = (operation) => {
      if (operation.number === number) untilThen.stop()
      return undefined
    }
    await assert.rejects(everything(untilThen))
    assert.equal(await tree(disk), await tree(untilThen.kill()), kind)
  }
})

test('an operation can do its work and fail nevertheless', async () => {
  const disk = await diskWith({ '/f': 'a' })
  disk.onOperation = () => ({ code: 'EIO', applied: true })
  await assert.rejects(disk.rename('/f', '/g'), { code: 'EIO' })
  disk.onOperation = undefined
  assert.equal(await tree(disk), '/g=a')
})

test('the machine stops behind any operation: that one is done, and everything after it is refused', async () => {
  const whole = new SimulatedDisk()
  await everything(whole)
  for (const { number, kind } of whole.ops.slice(0, -1)) {
    const disk = new SimulatedDisk()
    disk.onOperation = (operation) => (operation.number === number ? { crash: true } : undefined)
    await assert.rejects(everything(disk), { code: 'EIO' }, kind)
    assert.ok(disk.stopped)
    assert.equal(disk.ops.length, number + 1, 'what is refused is not an operation')
    await assert.rejects(disk.list('/'), { code: 'EIO' })
    if (kind === 'rename') assert.equal(await tree(disk.crash('everything')), '/d/ /d/g=a')
  }
})

test('an operation that is under way when the machine stops has no effect', async () => {
  const disk = await diskWith({ '/f': 'a' })
  const file = await disk.open('/f', 'write')
  disk.onOperation = ({ bytes }) => (bytes === SECTOR ? { crash: true } : undefined)
  const results = await Promise.allSettled([file.write(sectors('b'), 0), file.write(sectors('cd'), 0)])
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected'],
  )
  assert.equal(await tree(disk.kill()), '/f=b')
})

test('reads and writes can be short, and the helpers of the disk make up for it', async () => {
  const disk = await diskWith({ '/f': 'abc' })
  disk.onOperation = ({ kind }) => (kind === 'read' || kind === 'write' ? { bytes: 100 } : undefined)
  const file = await disk.open('/f', 'write')
  assert.equal(await file.write(sectors('X'), 0), 100)
  assert.equal(await file.read(Buffer.alloc(1000), 0), 100)
  await writeFully(file, sectors('XYZ'), 0)
  assert.equal(await picture(disk, '/f'), 'XYZ')
  disk.onOperation = () => ({ bytes: 0 })
  assert.equal(await file.read(Buffer.alloc(10), 0), 1, 'nothing at all would be the end of the file')
})

test('a full disk takes what fits, refuses the rest, and lets written pages be written again', async () => {
  const disk = new SimulatedDisk({ quotaBytes: 3 * 4096 })
  const file = await disk.open('/f', 'create')
  assert.equal(await file.write(Buffer.alloc(10_000, 'a'), 4000), 12_288 - 4000)
  await assert.rejects(file.write(Buffer.alloc(1), 12_288), { code: 'ENOSPC' })
  assert.equal(await file.size(), 12_288)
  assert.equal(disk.usedBytes, 12_288)
  assert.equal(await file.write(Buffer.alloc(12_288, 'b'), 0), 12_288)
  await file.truncate(4096)
  assert.equal(disk.usedBytes, 4096)
  assert.equal(await file.write(Buffer.alloc(10), 8192), 10)
  const other = await disk.open('/g', 'create')
  assert.equal(await other.write(Buffer.alloc(10_000), 0), 4096)
  await disk.remove('/f')
  assert.equal(await other.write(Buffer.alloc(10_000), 0), 10_000)
  disk.quotaBytes = 0
  assert.equal(await other.write(Buffer.alloc(10_000), 0), 10_000)
})

test('a lock excludes until it is released, names its holder and dies with the process and the machine', async () => {
  const disk = await diskWith({})
  const lock = await disk.lock('/LOCK', 'one')
  assert.ok(!lock.held)
  assert.deepEqual(await disk.lock('/LOCK', 'two'), { held: true, owner: 'one' })
  assert.equal((await bytesOf(disk, '/LOCK')).toString(), 'one\n')
  assert.ok(!(await disk.kill().lock('/LOCK', 'two')).held)
  assert.ok(!(await disk.crash('everything').lock('/LOCK', 'two')).held)
  await lock.release()
  const next = await disk.lock('/LOCK', 'three')
  assert.ok(!next.held)
  await lock.release()
  assert.deepEqual(await disk.lock('/LOCK', 'four'), { held: true, owner: 'three' })
})

test('what a lock file says does not multiply the crash states', async () => {
  const disk = await diskWith({})
  const lock = await disk.lock('/LOCK', 'me')
  assert.ok(!lock.held)
  assert.equal([...disk.crashStates(100)].length, 2, 'its name is there or not')
  await lock.release()
  assert.equal([...disk.crashStates(100)].length, 2)
})

test('a killed process leaves what it handed over, and a power cut can still take what was not synced', async () => {
  const disk = await diskWith({ '/f': 'ab' })
  const file = await disk.open('/f', 'write')
  await file.write(sectors('XY'), 0)
  await put(disk, '/g', '')
  const next = disk.kill()
  assert.deepEqual(await outcomes(next), await outcomes(disk))
  await (await next.open('/f', 'write')).sync()
  await next.syncDirectory('/')
  assert.equal(await tree(next), '/f=XY /g=')
  assert.deepEqual(await outcomes(next), ['/f=XY /g='])
  assert.equal((await outcomes(disk)).length, 8, 'and the old disk knows nothing of that')
})

test('a write that fails behind its caller is told once a descriptor, and is on the disk or not for ever', async () => {
  const disk = await diskWith({ '/f': 'aa' })
  const [one, other] = [await disk.open('/f', 'write'), await disk.open('/f', 'write')]
  disk.onOperation = ({ kind }) => (kind === 'write' ? { writeback: 'ENOSPC' } : undefined)
  await writeFully(one, sectors('b'), 0)
  disk.onOperation = undefined
  await writeFully(one, sectors('c'), SECTOR)
  const late = await disk.open('/f', 'write')
  assert.equal((await bytesOf(disk, '/f')).toString('latin1', 0, 1), 'b')
  // What can be synced is, also by the sync that tells of what cannot.
  await assert.rejects(one.sync(), { code: 'ENOSPC' })
  await one.sync()
  await assert.rejects(other.sync(), { code: 'ENOSPC' })
  await other.sync()
  await late.sync()
  const left = [...disk.crashStates(10)].map((state) => picture(state.disk, '/f'))
  assert.deepEqual((await Promise.all(left)).sort(), ['ac', 'bc'])
})

describe('rot', () => {
  test('one bit flips, for reads and on the disk', async () => {
    const disk = await diskWith({ '/f': 'aa' })
    disk.flipBit('/f', 700, 3)
    const expected = sectors('aa')
    expected[700]! ^= 8
    assert.deepEqual(await bytesOf(disk, '/f'), expected)
    assert.deepEqual(await bytesOf(disk.crash('nothing'), '/f'), expected)
    assert.throws(() => disk.flipBit('/f', 1024), RangeError)
  })

  test('a sector is zeroed, also a half one at the end, and the size stays', async () => {
    const disk = await diskWith({ '/f': 'abc' })
    const file = await disk.open('/f', 'write')
    await file.truncate(2 * SECTOR + 10)
    await file.sync()
    disk.zeroSector('/f', 2)
    assert.equal(await picture(disk, '/f'), 'ab. 1034')
    disk.swapSectors('/f', 0, '/f', 2)
    assert.equal(await picture(disk, '/f'), '.ba 1034')
    await file.truncate(3 * SECTOR)
    assert.deepEqual(
      (await bytesOf(disk, '/f')).subarray(1034),
      Buffer.alloc(502),
      'nothing came in behind the end',
    )
  })

  test('a sector goes back to what it was before the last sync that wrote to it', async () => {
    const disk = await diskWith({ '/f': 'ab' })
    const file = await disk.open('/f', 'write')
    await file.write(sectors('X'), 0)
    await file.write(sectors('Y'), 0)
    await file.sync()
    await file.write(sectors('Z'), SECTOR)
    await file.sync()
    assert.ok(disk.staleSector('/f', 0))
    assert.equal(await picture(disk, '/f'), 'aZ')
    assert.ok(disk.crash('nothing').staleSector('/f', 1))
    const first = disk.crash('nothing')
    first.staleSector('/f', 1)
    assert.equal(await picture(first, '/f'), 'ab')
    assert.equal(await picture(disk, '/f'), 'aZ')
    await put(disk, '/g', 'n')
    assert.equal(disk.staleSector('/g', 0), false)
  })

  test('sectors of two files change places', async () => {
    const disk = await diskWith({ '/f': 'ab', '/g': 'cd' })
    disk.swapSectors('/f', 1, '/g', 0)
    assert.equal(await tree(disk), '/f=ac /g=bd')
    assert.deepEqual(await outcomes(disk), ['/f=ac /g=bd'])
  })
})
