import type { StreamInfo } from '@nats-io/jetstream'
import type { Guarantee } from '../../replicated/engine.ts'
import { invalid, notGuaranteed, notSeen } from '../engines.ts'

const LOOK_MS = 3_000
const SYNC = 'jetstream { sync_interval: always }'

/** @throws WALV_INVALID_OPTION */
export function checkVersion(title: string, version: string): void {
  const [major, minor] = version.split('.').map(Number) as [number, number]
  if (major > 2 || (major === 2 && minor >= 10)) return
  throw invalid(
    `${title} has a server of version ${version}, and walv needs 2.10 or newer: older ones cannot sync each message. Update it.`,
  )
}

export interface ToCheck {
  readonly title: string
  readonly guarantee: Guarantee
  readonly trust: boolean
  readonly monitors: readonly string[] | undefined
  readonly streams: readonly StreamInfo[]
  /** The server that this is connected with. */
  readonly own: string
}

/**
 * Whether messages are synced is told by the monitoring address of a server alone.
 * @throws WALV_INVALID_OPTION
 */
export async function checkGuarantee(check: ToCheck): Promise<void> {
  const { title, guarantee, trust, monitors = [], streams } = check
  if (guarantee.startsWith('quorum') && streams.some(({ config }) => config.num_replicas < 3))
    throw notGuaranteed(
      title,
      guarantee,
      'it has one replica',
      'Set replicas to 3, or guarantee to one-synced.',
    )
  if (!guarantee.endsWith('synced')) return
  const told = await Promise.all(monitors.map((address) => look(title, address)))
  for (const { version } of told) checkVersion(title, version)
  const careless = told.find(({ isSynced }) => !isSynced)
  if (careless)
    throw notGuaranteed(
      title,
      guarantee,
      `server ${careless.name} does not sync each message`,
      `Give it ${SYNC}, or set guarantee to ${guarantee.replace('synced', 'memory')}.`,
    )
  if (trust) return
  const holders = streams.flatMap(({ cluster }) => [
    cluster?.leader,
    ...(cluster?.replicas ?? []).map((r) => r.name),
  ])
  const unseen = [...new Set(holders.map((name) => name || check.own))].filter(
    (name) => !told.some((each) => each.name === name),
  )
  if (unseen.length > 0)
    throw notSeen(
      title,
      guarantee,
      `nothing tells whether ${unseen.join(', ')} has ${SYNC}`,
      'Name the monitoring address of each server in the option monitors',
    )
}

interface Told {
  readonly name: string
  readonly version: string
  readonly isSynced: boolean
}

async function look(title: string, address: string): Promise<Told> {
  try {
    const response = await fetch(new URL('/varz', address), { signal: AbortSignal.timeout(LOOK_MS) })
    const { server_name, version, jetstream } = (await response.json()) as {
      server_name: string
      version: string
      jetstream?: { config?: { sync_always?: boolean } }
    }
    return { name: server_name, version, isSynced: jetstream?.config?.sync_always === true }
  } catch (cause) {
    throw new Error(`${title} has no answer of a monitoring address: ${(cause as Error).message}`, { cause })
  }
}
