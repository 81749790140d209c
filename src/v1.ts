/** Format v1, the original's: reading, recovering, writing, converting. Numbers of 64 bits are bigints. */
export * from './format/v1/entry.ts'
export { type ConvertOptions, type ConvertReport, convertToV1, convertToV2 } from './log/v1/convert.ts'
export { readV1Directory, type V1Item, type V1ReadOptions } from './log/v1/reader.ts'
export { recoverV1, type V1RecoverOptions } from './log/v1/recover.ts'
export { V1Writer, type V1WriterOptions } from './log/v1/writer.ts'
