/**
 * What a process that may be killed at any moment tells its parent: lines, each written to a pipe
 * at once, so that nothing told is lost with the process.
 */
import { writeSync } from 'node:fs'

/** The pipe, in the process that tells. */
export const TOLD_DESCRIPTOR = 3

/**
 * Says that something begins (`+name`) or ends (`-name`), or one of the other lines that `Told`
 * knows.
 */
export function tell(line: string): void {
  writeSync(TOLD_DESCRIPTOR, `${line}\n`)
}

export interface Acknowledged {
  /** Index in the stream of steps. */
  readonly step: number
  /** Undefined where the process cannot know it. */
  readonly seq?: number
}

export interface Opened {
  readonly lastSeq: number
  readonly fingerprint: string
}

/** All that a process has told. */
export class Told {
  readonly acknowledged: Acknowledged[] = []
  opened: Opened | undefined
  /** The error that ended it. */
  failed: string | undefined
  /** How often each thing began. */
  readonly begun: Map<string, number> = new Map()
  /** What had begun and not ended. */
  readonly under: Set<string> = new Set()
  #rest = ''

  /** Takes in a piece of text; calls back for each line. */
  add(text: string, heard: (line: string) => void): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop()!
    for (const line of lines) {
      this.#take(line)
      heard(line)
    }
  }

  #take(line: string): void {
    const name = line.slice(1)
    if (line.startsWith('+')) {
      this.under.add(name)
      this.begun.set(name, (this.begun.get(name) ?? 0) + 1)
    } else if (line.startsWith('-')) this.under.delete(name)
    else this.#learn(JSON.parse(line))
  }

  #learn({ acknowledged, opened, failed }: Facts): void {
    if (acknowledged) this.acknowledged.push(acknowledged)
    this.opened ??= opened
    this.failed ??= failed
  }
}

export interface Facts {
  readonly acknowledged?: Acknowledged
  readonly opened?: Opened
  readonly failed?: string
}

export const tellFacts = (facts: Facts): void => tell(JSON.stringify(facts))
