/**
 * A promise that knows whether anybody has asked for its outcome. Nobody asking is no unhandled
 * rejection: who made it sees to that.
 */
export class WatchedPromise<T> extends Promise<T> {
  isAsked = false

  /** What comes of it is an ordinary promise. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise
  }

  static of<T>(outcome: Promise<T>): WatchedPromise<T> {
    const watched = new WatchedPromise<T>((resolve, reject) => void outcome.then(resolve, reject))
    Promise.prototype.then.call(watched, undefined, () => {})
    return watched
  }

  // biome-ignore lint/suspicious/noThenProperty: this is how `await` and `then` ask.
  override then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.isAsked = true
    return super.then(onFulfilled, onRejected)
  }
}
