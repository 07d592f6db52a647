import type { ConnectionOptions } from 'node:tls'
import type { Cluster, Redis } from 'ioredis'
import type { TlsFiles } from '../parsing/connection-files.ts'

/** A connection to the Redis of the queues. */
export type RedisConnection = Redis | Cluster

export type RedisEndpoint = { readonly host: string; readonly port: number }

/** Where Redis is. */
export type RedisPlace =
  | { readonly kind: 'single'; readonly url: string }
  | {
      readonly kind: 'sentinel'
      readonly sentinels: readonly RedisEndpoint[]
      /** The name under which the sentinels know the master. */
      readonly name: string
      readonly username?: string | undefined
      readonly password?: string | undefined
      /** Whether the sentinels themselves are reached by TLS. */
      readonly tls: boolean
    }
  | { readonly kind: 'cluster'; readonly nodes: readonly RedisEndpoint[] }

/** How to reach Redis. */
export type RedisOptions = TlsFiles & {
  readonly place: RedisPlace
  readonly username?: string | undefined
  readonly password?: string | undefined
  /** TLS to a master behind Sentinel and to the nodes of a Cluster. A URL says it with its scheme. */
  readonly tls?: boolean
}

/**
 * The options that the URL of one machine gives, on top of `common`, which may have the user and the password that are
 * not in the URL. If a URL names a user alone, ioredis itself would use the empty password.
 */
export function singleOptions<Common extends { username?: string | undefined; password?: string | undefined }>(
  url: string,
  common: Common,
  trust: ConnectionOptions,
) {
  const { protocol, hostname, port, username, password, pathname } = new URL(url)
  return {
    ...common,
    ...(username !== '' && { username: decodeURIComponent(username) }),
    ...(password !== '' && { password: decodeURIComponent(password) }),
    host: hostname.replaceAll(/[[\]]/g, ''),
    port: port === '' ? 6_379 : Number(port),
    db: Number(pathname.slice(1)),
    ...(protocol === 'rediss:' && { tls: trust }),
  }
}
