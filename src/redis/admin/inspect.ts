import { Cluster, type Redis } from 'ioredis'
import { z } from 'zod'
import { toFailure } from '../../domain/failure.ts'
import { within, PRODUCER_PATIENCE_MS, connectRedis } from '../connect.ts'
import { droppedWhileLoading, refusedToDefaultUser } from '../default-user.ts'
import { queueFailure } from '../failures.ts'
import { type Finding, findingsOf } from './findings.ts'
import { addressOf, readInfo, unlessRefused } from '../ask-server.ts'
import type { RedisOptions } from '../options.ts'

/** A server and the findings about it. */
export type Inspected = { readonly server: string; readonly findings: readonly Finding[] }

/**
 * Looks at the Redis of the queues: at the master behind Sentinel, and at every node of a Cluster. It changes nothing;
 * afterwards ACL LOG lists the commands that this user may not call.
 * @throws Failure JW_REDIS_UNAVAILABLE | JW_REDIS_REFUSED when it cannot be reached, JW_CONFIG_INVALID
 */
export async function inspectRedis(options: RedisOptions, prefix: string): Promise<readonly Inspected[]> {
  let last: Error | undefined
  const redis = connectRedis(options, 'producer', (error) => (last = error))
  try {
    await within(PRODUCER_PATIENCE_MS, redis.ping())
    const isCluster = redis instanceof Cluster
    const servers = isCluster ? redis.nodes('all') : [redis]
    const looks = servers.map(async (server) => ({
      server: addressOf(server),
      findings: findingsOf(await look(server, prefix, isCluster)),
    }))
    return await Promise.all(looks)
  } catch (error) {
    throw last ?? queueFailure(error instanceof Error ? error : toFailure(error))
  } finally {
    redis.disconnect()
  }
}

async function look(server: Redis, prefix: string, mayBeReplica: boolean) {
  const [info, appendfsync, minReplicas, refusedToDefault, dropped] = await Promise.all([
    readInfo(server),
    setting(server, 'appendfsync'),
    setting(server, 'min-replicas-to-write'),
    refusedToDefaultUser(server, prefix),
    droppedWhileLoading(server),
  ])
  return { info, appendfsync, minReplicas, refusedToDefault, dropped, mayBeReplica }
}

const Setting = z.tuple([z.string(), z.string()])

async function setting(server: Redis, name: string): Promise<string | undefined> {
  const answer = await unlessRefused(server.call('config', 'get', name))
  return answer === undefined ? undefined : Setting.parse(answer)[1]
}
