/** The samples of code in the documentation. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ROOT } from '../package/nodes.ts'

export interface Sample {
  /** Page and line. */
  readonly place: string
  readonly language: 'ts' | 'js'
  /**
   * The name that stands above the sample, alone in its paragraph; samples of one page import each
   * other by it.
   */
  readonly name: string | undefined
  readonly code: string
}

const markdownIn = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name))

/** Every page that is part of the documentation. */
export const pages = (): string[] =>
  ['README.md', 'CONTRIBUTING.md', 'llms.txt', ...markdownIn('docs'), ...markdownIn('examples')].sort()

const BLOCK = /(?:^`([\w-]+\.\w+)`\n\n)?^```(\w+)([^\n]*)\n(.*?)^```$/gms

/**
 * A sample that cannot be compiled says so, with the reason: a piece of a class shown above, for
 * example.
 */
const IGNORED = /^ ignore: \S/

export function samplesOf(page: string): Sample[] {
  const text = readFileSync(join(ROOT, page), 'utf8')
  return [...text.matchAll(BLOCK)].flatMap(({ 1: name, 2: language, 3: flag, 4: code, index }) => {
    if ((language !== 'ts' && language !== 'js') || IGNORED.test(flag!)) return []
    return { place: `${page}:${text.slice(0, index).split('\n').length}`, language, name, code: code! }
  })
}

/** Writes samples as files of one folder for each page; returns which sample each file is. */
export function writeSamples(folder: string, page: string): Map<string, Sample> {
  const files = new Map<string, Sample>()
  for (const [number, sample] of samplesOf(page).entries()) {
    const file = join(folder, page.replace('.md', ''), sample.name ?? `sample-${number}.${sample.language}`)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, `${sample.code}\nexport {}\n`)
    files.set(file, sample)
  }
  return files
}
