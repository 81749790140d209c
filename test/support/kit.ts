/**
 * What tests are written with: walv as its users have it, the simulated disk, and the helpers that
 * most tests share. A test imports from here, from Node, and from what it is about.
 */
export * from '../../src/mod.ts'
export * from '../../src/testing/mod.ts'
export * from './crafted-log.ts'
export { type Call, errno, FailingDisk, type Hold } from './failing-disk.ts'
export * from './frames.ts'
export { holding } from './holding-disk.ts'
export * from './logs.ts'
export * from './processes.ts'
export * from './sharers.ts'
export * from './simulated-log.ts'
export * from './stored.ts'
export { TakenOverDisk } from './taken-over-disk.ts'
