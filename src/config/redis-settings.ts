import { z } from 'zod'
import type { UrlRules } from './check-url.ts'
import { endpoints, milliseconds, text, url } from './setting-kinds.ts'

const REDIS_URL: UrlRules = {
  schemes: ['redis:', 'rediss:'],
  login: true,
  path: 'database number',
  parameters: [],
}

/** Where the Redis of the queues is (one machine, Sentinel or Cluster), and how to log in. */
export const REDIS_SETTINGS = {
  redisUrl: url(REDIS_URL)
    .default('redis://127.0.0.1:6379')
    .describe(
      'URL of the Redis of the queues, if it is one machine; `rediss://` means TLS. It may name a user, a password and, after the host, the number of a database.',
    ),
  redisSentinels: endpoints
    .optional()
    .describe('Sentinels that know the master, instead of a URL: `host:port`, with commas between several.'),
  redisSentinelName: text.optional().describe('The name under which the sentinels know the master.'),
  redisSentinelUsername: text.optional().describe('User for the sentinels themselves, if they need one.'),
  redisSentinelPassword: text.optional().describe('Password for the sentinels themselves, if they need one.'),
  redisSentinelTls: z.stringbool().default(false).describe('Whether the sentinels themselves use TLS.'),
  redisCluster: endpoints
    .optional()
    .describe(
      'Nodes of a Redis Cluster, instead of a URL: `host:port`, with commas between several. The other nodes are found by themselves.',
    ),
  redisUsername: text.optional().describe('User for Redis, if the URL does not name one.'),
  redisPassword: text.optional().describe('Password for Redis, if the URL does not hold one.'),
  redisTls: z
    .stringbool()
    .default(false)
    .describe('Whether a master behind Sentinel and the nodes of a Cluster use TLS.'),
  redisCaFile: text.optional().describe('PEM file of the authority that signs the certificates of Redis.'),
  redisCertFile: text.optional().describe('PEM file of the client certificate for mTLS to Redis.'),
  redisKeyFile: text.optional().describe('PEM file of the key of that certificate.'),
  redisConfirmReplicas: z.coerce
    .number()
    .int()
    .min(0)
    .max(10)
    .default(0)
    .describe(
      'Producers: this many replicas must confirm that they have the commands, or the call fails and may be repeated.',
    ),
  redisConfirmMs: milliseconds(1_000).describe('Producers: how long the replicas may take to confirm.'),
} as const
