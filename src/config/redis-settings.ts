import { z } from 'zod'
import type { UrlRules } from './check-url.ts'
import { endpoints, milliseconds, text, url } from './setting-kinds.ts'

const REDIS_URL: UrlRules = {
  schemes: ['redis:', 'rediss:'],
  login: true,
  path: 'database number',
  parameters: [],
}

/** Where the Redis of the queues is and how to get in: one machine, Sentinel or Cluster. */
export const REDIS_SETTINGS = {
  redisUrl: url(REDIS_URL)
    .default('redis://127.0.0.1:6379')
    .describe(
      'The Redis of the queues, when it is one machine; `rediss://` is TLS. It may name a user, a password and, behind the host, the number of a database.',
    ),
  redisSentinels: endpoints
    .optional()
    .describe('Sentinels that know the master, instead of a URL: `host:port`, with commas between several.'),
  redisSentinelName: text.optional().describe('The name under which the sentinels know the master.'),
  redisSentinelUsername: text.optional().describe('User of the sentinels themselves, where they have one.'),
  redisSentinelPassword: text.optional().describe('Password of the sentinels themselves, where they have one.'),
  redisSentinelTls: z.stringbool().default(false).describe('Whether the sentinels themselves are reached by TLS.'),
  redisCluster: endpoints
    .optional()
    .describe(
      'Nodes of a Redis Cluster, instead of a URL: `host:port`, with commas between several. It finds the rest.',
    ),
  redisUsername: text.optional().describe('User of Redis, where the URL does not name one.'),
  redisPassword: text.optional().describe('Password of Redis, where the URL does not hold one.'),
  redisTls: z.stringbool().default(false).describe('TLS to a master behind Sentinel and to the nodes of a Cluster.'),
  redisCaFile: text.optional().describe('PEM file of the authority that signs the certificates of Redis.'),
  redisCertFile: text.optional().describe('PEM file of the client certificate for mTLS to Redis.'),
  redisKeyFile: text.optional().describe('PEM file of the key of that certificate.'),
  redisConfirmReplicas: z.coerce
    .number()
    .int()
    .min(0)
    .max(10)
    .default(0)
    .describe('Producers: this many replicas must have what was enqueued, or the call fails and may be made again.'),
  redisConfirmMs: milliseconds(1_000).describe('Producers: how long replicas may take to confirm.'),
} as const
