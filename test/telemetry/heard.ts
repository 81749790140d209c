import { channel, type TracingChannel, tracingChannel } from 'node:diagnostics_channel'
import type { TestContext } from 'node:test'

/** What a channel tells of one directory until the end of the test. */
export function heard<Message extends { directory: string }>(
  t: TestContext,
  name: string,
  directory: string,
): Message[] {
  const messages: Message[] = []
  const listener = (message: unknown): void => {
    if ((message as Message).directory === directory) messages.push(message as Message)
  }
  channel(name).subscribe(listener)
  t.after(() => channel(name).unsubscribe(listener))
  return messages
}

/**
 * What a tracing channel tells of one directory, in its order: which event, and the message that
 * all of one piece of work share.
 */
export function heardTracing<Message extends { directory: string }>(
  t: TestContext,
  name: string,
  directory: string,
): { event: string; message: Message }[] {
  const events: { event: string; message: Message }[] = []
  const note = (event: string) => (message: unknown) => {
    if ((message as Message).directory === directory) events.push({ event, message: message as Message })
  }
  const subscribers = {
    start: note('start'),
    end: note('end'),
    asyncStart: note('asyncStart'),
    asyncEnd: note('asyncEnd'),
    error: note('error'),
  }
  const tracing: TracingChannel<unknown, object> = tracingChannel(name)
  tracing.subscribe(subscribers)
  t.after(() => tracing.unsubscribe(subscribers))
  return events
}
