/** Bytes in both directions between two processes that have the same directory open. */
export interface Link {
  /** Set once, before anything else: takes what comes, in its order, and is told of the end. */
  listen(take: (bytes: Uint8Array) => void, ended: () => void): void
  send(bytes: Uint8Array): void
  /** Bytes that were sent and that the other side has not taken. */
  readonly waitingBytes: number
  /** From here on nothing more comes until `resume`. */
  pause(): void
  resume(): void
  /** Whether it keeps the process alive; at first it does not. */
  hold(isHeld: boolean): void
  /** Nothing more is sent; what was, arrives. */
  end(): void
  /** Nothing more is sent or comes; what was sent may be lost. */
  close(): void
}

export interface Listener {
  /** Takes no more links. Those that are there stay. */
  close(): Promise<void>
}

/**
 * How processes that share a directory find the one that leads. A seam, as `Disk` is one: the
 * simulated disk has processes that talk through memory.
 */
export interface Exchange {
  /** Takes the place of whoever listened before. Called by the holder of the lock alone. */
  listen(directory: string, accept: (link: Link) => void): Promise<Listener>
  /** Resolves to undefined where nobody listens. */
  connect(directory: string): Promise<Link | undefined>
}
