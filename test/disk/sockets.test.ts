/** How processes that share a directory find the one that leads. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { renameSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { SOCKET_FILE, sockets } from '../../src/disk/sockets.ts'
import { temporaryDirectory } from '../support/kit.ts'

/** As a process leaves it that was killed. */
async function abandonSocket(directory: string): Promise<void> {
  const server = createServer().listen(join(directory, 'made'))
  await once(server, 'listening')
  renameSync(join(directory, 'made'), join(directory, SOCKET_FILE))
  server.close()
  await once(server, 'close')
}

test('behind a socket that nobody listens on, the next one is found at once, again and again', async (t) => {
  const directory = await temporaryDirectory(t)
  assert.equal(await sockets.connect(directory), undefined, 'there is none')
  for (let round = 0; round < 3; round++) {
    await abandonSocket(directory)
    for (let look = 0; look < 3; look++) assert.equal(await sockets.connect(directory), undefined)
    const listener = await sockets.listen(directory, (link) =>
      link.listen(
        () => {},
        () => {},
      ),
    )
    const link = await sockets.connect(directory)
    assert.ok(link, 'who listens now is found')
    link.close()
    await listener.close()
  }
})
