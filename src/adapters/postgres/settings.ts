import type { ConnectionOptions } from 'node:tls'
import type { Guarantee } from '../../replicated/engine.ts'

export interface PostgresCredentials {
  readonly user: string
  /** Asked for with each connection where it is a function. It is in no message and no error. */
  readonly password?: string | (() => string | Promise<string>)
}

export interface Settings {
  readonly title: string
  readonly name: string
  readonly servers: readonly { readonly host: string; readonly port: number }[]
  readonly database: string
  readonly credentials: PostgresCredentials
  readonly tls?: ConnectionOptions
  readonly guarantee: Guarantee
  readonly trust?: boolean
}
