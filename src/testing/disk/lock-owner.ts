import type { SimulatedFile } from './simulated-file.ts'

/**
 * At once on the disk: what a lock file says matters to nobody after a power cut, and would only
 * multiply the crash states.
 */
export function setText(file: SimulatedFile, text: string, operation: number): void {
  file.truncate(0, operation)
  file.write(Buffer.from(text), 0, operation)
  file.sync(operation)
}

export function ownerIn(file: SimulatedFile): string {
  const text = Buffer.alloc(file.size)
  file.read(text, 0)
  return text.toString().replace(/\n$/, '')
}
