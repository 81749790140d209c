import { randomUUID } from 'node:crypto'
import { Session } from './session.ts'
import type { Settings } from './settings.ts'

/**
 * `last` is kept beside the messages, so that it outlives them, and orders them: the row is locked
 * from the update of an append until its commit is as durable as it has to be. So a place becomes
 * visible only when all before it are.
 */
const TABLES = `
create table if not exists walv_logs (
  name text primary key, id text not null, first bigint not null, last bigint not null
) with (fillfactor = 10);
create table if not exists walv_messages (
  log text not null, place bigint not null, bytes bytea not null, primary key (log, place)
);
create table if not exists walv_objects (
  log text not null, key text collate "C" not null, value bytea not null, primary key (log, key)
);
alter table walv_messages alter column bytes set storage external;
alter table walv_objects alter column value set storage external`

/** walv's among the locks of a database. */
const LOCK = 0x77616c76

const TABLES_THERE = `select to_regclass('walv_logs') is not null and to_regclass('walv_messages') is not null
  and to_regclass('walv_objects') is not null as there`

export const RANGE = `select first::float8, last::float8,
  id || '-' || (select system_identifier from pg_control_system()) as incarnation
  from walv_logs where name = $1`

/** Makes what is not there. */
export async function openTables(settings: Settings): Promise<void> {
  const session = new Session(settings, true)
  const { name } = settings
  try {
    // Who may not make tables may use those that were made for them.
    if (!(await session.one(TABLES_THERE))!.there)
      await session.query(`begin; select pg_advisory_xact_lock(${LOCK}); ${TABLES}; commit`)
    if (!(await session.one(RANGE, [name])))
      await session.query('insert into walv_logs values ($1, $2, 1, 0) on conflict do nothing', [
        name,
        randomUUID(),
      ])
  } finally {
    await session.close()
  }
}
