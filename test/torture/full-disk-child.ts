/** Plays one scene in the given directory, on which the full file system is mounted. */
import { join } from 'node:path'
import { Ballast, LIMIT_SCENES, SCENES } from './full-disk-scenes.ts'

const [name, mounted] = process.argv.slice(2) as [string, string]
await { ...SCENES, ...LIMIT_SCENES }[name]!({
  directory: join(mounted, 'log'),
  ballast: new Ballast(join(mounted, 'ballast')),
})
