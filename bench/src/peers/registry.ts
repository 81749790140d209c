import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Job } from '../job.ts'
import type { Engine, Peer, Store } from './peer.ts'

/**
 * The peers by name, each with the package whose version is told. Each is the module of that name
 * beside this one.
 */
export const PEERS = {
  walv: 'walv',
  'walv-transactions': 'walv',
  'durable-index': 'walv',
  raw: undefined,
  'raw-async': undefined,
  lmdb: 'lmdb',
  'better-sqlite3': 'better-sqlite3',
  'node-sqlite': undefined,
  'classic-level': 'classic-level',
  rocksdb: 'rocksdb',
  'sqlite-vec': 'sqlite-vec',
  lancedb: '@lancedb/lancedb',
  hypercore: 'hypercore',
} as const satisfies Record<string, string | undefined>

export type PeerName = keyof typeof PEERS

/** Those that only search: nothing of theirs is durable. */
export const SEARCHERS = { usearch: 'usearch' } as const

export type AnyPeerName = PeerName | keyof typeof SEARCHERS

export const peerModule = (name: string): string => new URL(`./${name}.js`, import.meta.url).href

/** Loads a peer's packages, which may be missing. */
export async function loadPeer(name: string): Promise<Peer> {
  return ((await import(peerModule(name))) as { peer: Peer }).peer
}

export async function openPeer(job: Job): Promise<Store> {
  const peer = await loadPeer(job.peer)
  const { dimensions, walv, engine } = job as Job & { walv?: object; engine?: Engine }
  return peer.open(job.directory, { dimensions, ...(walv && { walv }), ...(engine && { engine }) })
}

/** The version of the installed package; of what comes with Node, Node's. */
export function versionOf(name: AnyPeerName): string {
  const packageName = { ...PEERS, ...SEARCHERS }[name]
  if (packageName === undefined) return `Node ${process.version}`
  const paths = createRequire(import.meta.url).resolve.paths(packageName) ?? []
  for (const path of paths) {
    try {
      return JSON.parse(readFileSync(`${path}/${packageName}/package.json`, 'utf8')).version
    } catch {}
  }
  return 'not installed'
}
