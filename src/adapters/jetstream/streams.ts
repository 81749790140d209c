import type { StreamConfig, StreamInfo } from '@nats-io/jetstream'
import { WalError } from '../../errors.ts'
import { invalid } from '../engines.ts'
import type { Connection } from './connection.ts'

/** Streams and subjects of one log. */
export interface StreamNames {
  readonly log: string
  readonly logSubject: string
  readonly objects: string
  /** Before each key. */
  readonly objectSubjects: string
}

/** No name of a log has a `_` in it, so that no two logs share one of these. */
export const streamNames = (name: string): StreamNames => ({
  log: `walv_${name}`,
  logSubject: `walv.${name}.log`,
  objects: `walv_${name}_objects`,
  objectSubjects: `walv.${name}.objects.`,
})

const STREAM_NAME_IN_USE = 10058
export const STREAM_NOT_FOUND = 10059

export const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code

/** @throws WALV_INVALID_OPTION where one is there that is not fit */
export async function openStreams(
  connection: Connection,
  names: StreamNames,
  replicas: number,
): Promise<readonly StreamInfo[]> {
  const common = {
    storage: 'file',
    retention: 'limits',
    discard: 'new',
    allow_direct: true,
    num_replicas: replicas,
  }
  const log = { ...common, name: names.log, subjects: [names.logSubject], deny_delete: true }
  // An object that was put twice is there once.
  const objects = {
    ...common,
    name: names.objects,
    subjects: [`${names.objectSubjects}>`],
    max_msgs_per_subject: 1,
  }
  const found: StreamInfo[] = []
  for (const config of [log, objects] as StreamConfig[]) {
    const info = await openStream(connection, config)
    checkConfig(info.config, config)
    found.push(info)
  }
  return found
}

async function openStream({ jsm }: Connection, config: StreamConfig): Promise<StreamInfo> {
  try {
    return await jsm.streams.info(config.name)
  } catch (error) {
    if (codeOf(error) !== STREAM_NOT_FOUND) throw error
  }
  try {
    return await jsm.streams.add(config)
  } catch (error) {
    // Somebody else made it meanwhile.
    if (codeOf(error) === STREAM_NAME_IN_USE) return jsm.streams.info(config.name)
    throw error
  }
}

function checkConfig(found: StreamConfig, wanted: StreamConfig): void {
  const { max_msgs_per_subject: perSubject } = found
  const wrong = [
    ...(['storage', 'retention', 'discard', 'allow_direct'] as const)
      .filter((key) => found[key] !== wanted[key])
      .map((key) => `${key} is ${found[key]}, and must be ${wanted[key]}`),
    found.subjects?.join() !== wanted.subjects!.join() && `its subjects must be ${wanted.subjects}`,
    found.num_replicas < wanted.num_replicas &&
      `it has ${found.num_replicas} replicas, and the option replicas says ${wanted.num_replicas}`,
    found.max_age > 0 && 'it drops messages after max_age',
    perSubject > 0 &&
      perSubject !== wanted.max_msgs_per_subject &&
      'it drops messages by max_msgs_per_subject',
    (found.mirror || found.sources?.length) && 'it takes messages of other streams',
    found.sealed && 'it is sealed',
  ].filter(Boolean)
  if (wrong.length > 0)
    throw invalid(
      `The stream ${found.name} is there, and is not fit: ${wrong.join('; ')}. Change it with nats stream edit, or remove it if nobody needs it.`,
    )
}

/** What the servers say where a store is full. */
const FULL: Readonly<Record<number, RegExp>> = {
  10077: /maximum (?:bytes|messages) exceeded/,
  10023: /./,
  10047: /./,
}

/** The servers say so before they take a message: it is not stored, and will not be. */
export function storeFull(error: unknown, stream: string): WalError | undefined {
  const { message } = error as Error
  if (!FULL[codeOf(error) as number]?.test(message)) return undefined
  return new WalError(
    'WALV_DISK_FULL',
    `The stream ${stream} has no room for another message (${message}). Nothing was logged. A checkpoint trims it; else raise its max_bytes or the max_file_store of the servers.`,
    { fate: 'not-logged', cause: error },
  )
}
