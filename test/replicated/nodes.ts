import type { ReplicatedLogOptions } from '../../src/replicated/options.ts'
import { ReplicatedLog } from '../../src/replicated/replicated-log.ts'
import type { SimulatedConnection } from '../../src/testing/engine/simulated-connection.ts'
import { DurableIndex, flat, type SharedUnit, SimulatedDisk, type SimulatedEngine } from '../support/kit.ts'

export const QUICK = { resendMs: 60, retryMs: 5, silenceMs: 30, callMs: 100 }

export interface NodeOptions extends Partial<ReplicatedLogOptions> {
  /** What it takes for the fingerprint of its state. */
  readonly fingerprint?: () => string
  readonly apply?: (unit: SharedUnit) => unknown
}

/** The log of a node, which takes whatever comes. */
export async function openLog(engine: SimulatedEngine, options: NodeOptions = {}): Promise<ReplicatedLog> {
  const { fingerprint, apply = () => true, ...own } = options
  const log = await ReplicatedLog.open(optionsOf(() => engine.connect(), own))
  try {
    await log.follow(log.lastSeq, apply, async () => log.lastCheckpoint!.sequenceNumber, fingerprint)
    return log
  } catch (error) {
    await log.close()
    throw error
  }
}

function optionsOf(
  connect: () => SimulatedConnection,
  options: Partial<ReplicatedLogOptions>,
): ReplicatedLogOptions {
  const disk = options.disk ?? new SimulatedDisk()
  const rest = { name: 'simulated', cacheDirectory: '/cache', timing: QUICK, closeWaitMs: 100 }
  return { openEngine: async () => connect(), ...rest, timeoutMs: 300, ...options, disk }
}

export interface OpenNode extends AsyncDisposable {
  readonly index: DurableIndex
  readonly log: ReplicatedLog
  readonly connection: SimulatedConnection
  readonly disk: SimulatedDisk
}

/** A node with an index of two dimensions. */
export async function openNode(
  engine: SimulatedEngine,
  options: Partial<ReplicatedLogOptions> & { readonly dimensions?: number } = {},
): Promise<OpenNode> {
  const { dimensions = 2, ...own } = options
  const disk = (own.disk ?? new SimulatedDisk()) as SimulatedDisk
  let connection: SimulatedConnection | undefined
  const connect = () => {
    connection = engine.connect()
    return connection
  }
  const log = await ReplicatedLog.open(optionsOf(connect, { ...own, disk }))
  try {
    const index = await DurableIndex.open({ log, index: flat({ dimensions }) })
    const close = () => index.close()
    return { index, log, disk, connection: connection!, [Symbol.asyncDispose]: close }
  } catch (error) {
    await log.close()
    throw error
  }
}
