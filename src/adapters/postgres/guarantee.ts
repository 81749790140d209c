import type { Client } from 'pg'
import { invalid, notGuaranteed, notSeen } from '../engines.ts'
import type { Settings } from './settings.ts'

const OLDEST = 140_000

const LOOK = `select pg_is_in_recovery() as standby,
  current_setting('server_version_num')::int as version,
  current_setting('fsync') as fsync,
  current_setting('full_page_writes') as pages,
  current_setting('synchronous_standby_names') as names,
  pg_has_role('pg_monitor', 'usage') as "maySee",
  (select count(*)::int from pg_stat_replication where sync_state in ('sync', 'quorum', 'potential')) as standbys`

interface Look {
  readonly standby: boolean
  readonly version: number
  readonly fsync: string
  readonly pages: string
  readonly names: string
  readonly maySee: boolean
  /** Connected ones of those that are named. */
  readonly standbys: number
}

/**
 * False for a standby.
 * @throws WALV_INVALID_OPTION where the guarantee does not hold
 */
export async function checkServer(client: Client, { title, guarantee, trust }: Settings): Promise<boolean> {
  const look = (await client.query<Look>(LOOK)).rows[0]!
  if (look.standby) return false
  if (look.version < OLDEST)
    throw invalid(
      `${title} is of version ${Math.floor(look.version / 10_000)}, and walv needs 14 or newer. Update it.`,
    )
  if (guarantee.endsWith('synced') && (look.fsync !== 'on' || look.pages !== 'on'))
    throw notGuaranteed(
      title,
      guarantee,
      `fsync is ${look.fsync} and full_page_writes is ${look.pages}`,
      'Set both to on, or set guarantee to what ends with memory.',
    )
  if (!guarantee.startsWith('quorum')) return true
  if (look.names.trim() === '')
    throw notGuaranteed(
      title,
      guarantee,
      'synchronous_standby_names is empty, so that a commit waits for no standby',
      'Name standbys there, or set guarantee to one-synced.',
    )
  if (trust) return true
  if (!look.maySee)
    throw notSeen(title, guarantee, 'the role may not see the standbys', 'Grant it pg_monitor')
  checkStandbys(title, guarantee, look)
  return true
}

function checkStandbys(title: string, guarantee: Settings['guarantee'], { names, standbys }: Look): void {
  const { waitedFor, named } = standbysIn(names)
  if (standbys < waitedFor)
    throw notGuaranteed(
      title,
      guarantee,
      `${standbys} of the standbys that synchronous_standby_names (${names}) names are connected`,
      `Start ${waitedFor - standbys} more.`,
    )
  const servers = 1 + Math.max(standbys, named)
  if (2 * (1 + waitedFor) <= servers)
    throw notGuaranteed(
      title,
      guarantee,
      `a commit is on ${1 + waitedFor} of ${servers} servers, which is not more than half`,
      `Let synchronous_standby_names wait for ${Math.floor(servers / 2)} standbys.`,
    )
}

/** How many standbys a commit waits for, and of how many. The names may be in quotes. */
export function standbysIn(setting: string): { waitedFor: number; named: number } {
  const plain = setting.replaceAll(/"(?:[^"]|"")*"/g, 'quoted')
  const [, count = '1', list = plain] = /^\s*(?:(?:first|any)\s+)?(\d+)\s*\((.*)\)\s*$/i.exec(plain) ?? []
  return { waitedFor: Number(count), named: list.split(',').length }
}
