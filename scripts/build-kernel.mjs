// Assembles src/index/kernel/kernel.wat into kernel-bytes.ts, which is checked in.
// With --check it writes nothing, and fails where the two do not agree.

import { readFileSync, writeFileSync } from 'node:fs'
import makeWabt from 'wabt'

const folder = new URL('../src/index/kernel/', import.meta.url)
const source = new URL('kernel.wat', folder)
const target = new URL('kernel-bytes.ts', folder)
const features = { simd: true, threads: true }
const LINE = 100

const wabt = await makeWabt()
const module = wabt.parseWat('kernel.wat', readFileSync(source, 'utf8'), features)
module.validate(features)
const base64 = Buffer.from(module.toBinary({}).buffer).toString('base64')
const lines = base64.match(new RegExp(`.{1,${LINE}}`, 'g')).map((line) => `  '${line}'`)
const text = `/** kernel.wat as WebAssembly, in base64. Made by \`npm run kernel\`. */
export const KERNEL_BYTES: string = [
${lines.join(',\n')},
].join('')
`
if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== text) {
    console.error('kernel-bytes.ts is not what kernel.wat assembles to. Run: npm run kernel')
    process.exit(1)
  }
} else {
  writeFileSync(target, text)
}
