/**
 * Assertions about types, which `npm run check` compiles. What must not compile stands behind
 * `@ts-expect-error`.
 */

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** Compiles only if `A` and `B` are the same type. */
export const same = <A, B>(..._: Same<A, B> extends true ? [] : ['these types differ']): void => {}
