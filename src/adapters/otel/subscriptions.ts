import type { LogMessage, TypedChannel } from '../../diagnostics.ts'

/** What is listened to, so that it can be ended as a whole. */
export class Subscriptions {
  #ends: (() => void)[] = []

  on<Message extends LogMessage>(channel: TypedChannel<Message>, listener: (message: Message) => void): void {
    const heard = (message: unknown): void => listener(message as Message)
    channel.subscribe(heard)
    this.atEnd(() => channel.unsubscribe(heard))
  }

  atEnd(end: () => void): void {
    this.#ends.push(end)
  }

  end(): void {
    for (const end of this.#ends.splice(0)) end()
  }
}
