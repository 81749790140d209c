import { execFileSync } from 'node:child_process'
import { cpus, release, totalmem, type } from 'node:os'

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGb: number
  readonly system: string
  readonly node: string
  readonly fileSystem: string
  readonly date: string
}

export function machine(directory: string): Machine {
  const cores = cpus()
  return {
    cpu: cores[0]?.model ?? 'unknown',
    cores: cores.length,
    memoryGb: Math.round(totalmem() / 1024 ** 3),
    system: `${type()} ${release()}`,
    node: process.version,
    fileSystem: fileSystemOf(directory),
    date: new Date().toISOString(),
  }
}

/** Its name, or what `df` says if it says anything. */
function fileSystemOf(directory: string): string {
  try {
    const lines = execFileSync('df', ['--output=fstype', directory], { encoding: 'utf8' }).trim().split('\n')
    return lines.at(-1) ?? 'unknown'
  } catch {
    return 'unknown'
  }
}
