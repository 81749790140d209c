import { fork } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const CHILD = fileURLToPath(new URL('./fuzz-child.js', import.meta.url))
const MAX_HEAP_MIB = 512
const MAX_COMPLAINT = 4000

export interface CampaignOptions {
  /** Name of the target. */
  readonly name: string
  readonly seed: number
  /** How many inputs at most. Default: no end. */
  readonly maxInputs?: number
  readonly seconds?: number
  /** An input that takes longer is a finding. Default 30 s. */
  readonly hangMs?: number
  /** Memory for objects; an input for which it is not enough is a finding. Default 512. */
  readonly maxHeapMib?: number
  readonly onProgress?: (progress: Progress) => void
}

/** How far a run is. */
export interface Progress {
  readonly inputs: number
  /** Inputs that did something new. */
  readonly corpus: number
  /** Different things that the target said. */
  readonly words: number
  /** Characters of code that ran. */
  readonly characters: number
  readonly stepsPerByte: number
}

export interface CampaignFinding {
  readonly input: Uint8Array
  readonly error: string
}

export interface CampaignResult extends Progress {
  readonly finding?: CampaignFinding
}

/** What the process of a campaign tells. */
export interface Message {
  readonly progress: Progress
  /** Nothing follows. */
  readonly over: boolean
  readonly finding?: { readonly hex: string; readonly error: string }
}

/** What the process of a campaign is told. */
export interface Task extends Pick<CampaignOptions, 'name' | 'seed' | 'maxInputs' | 'seconds'> {
  /** Where it writes each input before it runs it, behind its length in 4 bytes. */
  readonly inputFile: string
}

/**
 * Fuzzes a target in a process of its own, with feedback from what code runs. An input for which
 * that process says nothing any more, or dies, is a finding like one at which the target throws.
 */
export async function runCampaign(options: CampaignOptions): Promise<CampaignResult> {
  const folder = mkdtempSync(join(tmpdir(), 'walv-fuzz-'))
  const inputFile = join(folder, 'input')
  writeFileSync(inputFile, Buffer.alloc(4))
  try {
    const { progress, finding, error } = await runChild(options, inputFile)
    if (finding)
      return { ...progress, finding: { input: Buffer.from(finding.hex, 'hex'), error: finding.error } }
    return error === undefined
      ? progress
      : { ...progress, finding: { input: inputIn(readFileSync(inputFile)), error } }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const inputIn = (bytes: Buffer): Buffer => bytes.subarray(4, 4 + bytes.readUInt32LE(0))

type Ending = Pick<Message, 'progress' | 'finding'> & { readonly error?: string }

const NOTHING: Progress = { inputs: 0, corpus: 0, words: 0, characters: 0, stepsPerByte: 0 }

function runChild(options: CampaignOptions, inputFile: string): Promise<Ending> {
  const { name, seed, maxInputs, seconds, onProgress, hangMs = 30_000, maxHeapMib = MAX_HEAP_MIB } = options
  const task: Task = { name, seed, inputFile, ...(maxInputs && { maxInputs }), ...(seconds && { seconds }) }
  const { NODE_V8_COVERAGE, ...env } = process.env
  const child = fork(CHILD, [JSON.stringify(task)], {
    execArgv: [`--max-old-space-size=${maxHeapMib}`],
    env,
    silent: true,
  })
  let ending: Ending | undefined
  let progress = NOTHING
  let complaint = ''
  child.stderr?.on('data', (text) => {
    complaint = `${complaint}${text}`.slice(-MAX_COMPLAINT)
  })
  const end = (now: Ending): void => {
    ending ??= now
    child.kill('SIGKILL')
  }
  const hang = setTimeout(() => end({ progress, error: `nothing came of it within ${hangMs} ms` }), hangMs)
  child.on('message', (message: Message) => {
    hang.refresh()
    progress = message.progress
    onProgress?.(progress)
    if (message.over) end(message)
  })
  return new Promise((resolve) => {
    child.on('close', (code, signal) => {
      clearTimeout(hang)
      resolve(ending ?? { progress, error: `the process ended with ${code ?? signal}: ${complaint}` })
    })
  })
}
