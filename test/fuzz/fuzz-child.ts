/** The process of a campaign. */
import { openSync, writeSync } from 'node:fs'
import type { Progress, Task } from './campaign.ts'
import { Coverage } from './coverage.ts'
import { Fuzzer } from './fuzzer.ts'
import { minimize } from './minimize.ts'
import { plantedTargets } from './planted.ts'
import { targets } from './targets.ts'

const PROGRESS_MS = 1_000
/** Several times what any target was seen to take. */
const MAX_STEPS_PER_BYTE = 100

const task: Task = JSON.parse(process.argv[2]!)
const { name, seed, maxInputs = Number.POSITIVE_INFINITY, seconds = Number.POSITIVE_INFINITY } = task
const target = [...targets, ...plantedTargets].find((each) => each.name === name)
if (!target) throw new Error(`there is no target ${name}`)

const coverage = new Coverage([
  new URL('../../src/', import.meta.url).href,
  new URL('./planted.js', import.meta.url).href,
])
const inputFile = openSync(task.inputFile, 'r+')
const length = Buffer.alloc(4)
const started = performance.now()
let told = started

const fuzzer = new Fuzzer(target, {
  seed,
  coverage,
  maxStepsPerByte: MAX_STEPS_PER_BYTE,
  onInput,
  goOn: (executions) => executions < maxInputs && performance.now() - started < seconds * 1000,
})

const found = await fuzzer.run()
if (found) {
  const { stack = String(found.error) } = found.error
  const input = await minimize(target, found.input, found.error, onInput)
  process.send!({
    progress: progress(),
    over: true,
    finding: { hex: Buffer.from(input).toString('hex'), error: stack },
  })
} else process.send!({ progress: progress(), over: true })

/** Whoever started this process knows what it was at if it says nothing more. */
function onInput(input: Uint8Array): void {
  length.writeUInt32LE(input.length)
  writeSync(inputFile, length, 0, length.length, 0)
  writeSync(inputFile, input, 0, input.length, length.length)
  if (performance.now() - told < PROGRESS_MS) return
  told = performance.now()
  process.send!({ progress: progress(), over: false })
}

function progress(): Progress {
  const { executions, corpus, words, stepsPerByte } = fuzzer
  return {
    inputs: executions,
    corpus: corpus.length,
    words: words.size,
    characters: coverage.characters,
    stepsPerByte,
  }
}
