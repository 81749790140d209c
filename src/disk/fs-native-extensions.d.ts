/** The part of `fs-native-extensions` in use; the package has no types of its own. */
declare module 'fs-native-extensions' {
  /**
   * Takes an exclusive lock of a range without waiting; `length` 0 reaches to the end. False if
   * somebody else has it.
   */
  export function tryLock(descriptor: number, offset: number, length: number): boolean
  export function unlock(descriptor: number, offset: number, length: number): void
}
