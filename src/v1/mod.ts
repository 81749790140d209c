/**
 * Format v1, the original's: reading, recovering, writing, converting. Numbers of 64 bits are
 * bigints.
 */

export type { ConvertOptions, ConvertReport } from './convert/options.ts'
export { convertToV1 } from './convert/to-v1.ts'
export { convertToV2 } from './convert/to-v2.ts'
export * from './format/entry.ts'
export { readV1Directory, type V1Item, type V1ReadOptions } from './read/reader.ts'
export { recoverV1, type V1RecoverOptions } from './recover/recover.ts'
export { V1Writer, type V1WriterOptions } from './writer.ts'
