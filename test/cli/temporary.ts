import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

/** A folder that the test's end removes. */
export async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'walv-test-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** A file with `content` in such a folder. */
export async function temporaryFile(
  t: TestContext,
  name: string,
  content: string | Uint8Array,
): Promise<string> {
  const file = join(await temporaryFolder(t), name)
  await writeFile(file, content)
  return file
}
