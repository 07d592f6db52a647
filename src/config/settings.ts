import { z } from 'zod'
import { BUNDLE_SETTINGS } from './bundle-settings.ts'
import { parameterProblems } from '../storage/postgres-url.ts'
import { type UrlRules, tlsUnlessLoopback } from './check-url.ts'
import { REDIS_SETTINGS } from './redis-settings.ts'
import { count, milliseconds, text, url, urlOrSocket } from './setting-kinds.ts'
import { TRAIL_SETTINGS } from './trail-settings.ts'

/** What the URL of PostgreSQL may contain. */
export const POSTGRES_URL: UrlRules = {
  schemes: ['postgres:', 'postgresql:'],
  login: true,
  path: 'database name',
  parameters: ['host', 'sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'application_name'],
}
const OPA_URL: UrlRules = { schemes: ['http:', 'https:'], login: false, path: 'nothing', parameters: [] }
const JWKS_URL: UrlRules = { schemes: ['https:', 'http:'], login: false, path: 'folder', parameters: [] }

/**
 * Every setting. `redisUrl` is JOBWARDEN_REDIS_URL in the environment, and so on. docs/configuration.md is generated
 * from this. On purpose, no switch accepts unsigned commands or allows anything without a decision.
 */
export const Settings = z.strictObject({
  ...REDIS_SETTINGS,
  queuePrefix: z
    .string()
    .regex(/^[A-Za-z0-9_{}-]{1,64}$/, 'must be letters, digits, "_", "-" or a {hash tag}')
    .default('jobwarden')
    .describe('Prefix of all queue keys; workers and producers must agree on it. A Cluster needs a `{hash tag}`.'),
  databaseUrl: url(POSTGRES_URL, parameterProblems)
    .optional()
    .describe(
      'URL of PostgreSQL, the system of record. Without it, the embedded database is used: one process, no roles.',
    ),
  dataDir: text.optional().describe('Folder of the embedded database. Without it, the database lives in memory.'),
  databaseConnections: count(4, 100).describe('Connections to PostgreSQL.'),
  databaseTimeoutMs: milliseconds(10_000).describe('A connection attempt or a statement fails after this time.'),
  opaUrl: urlOrSocket(OPA_URL)
    .default('http://127.0.0.1:8181')
    .describe('The OPA sidecar: http://, https:// or unix:/path/to/socket.'),
  opaTimeoutMs: milliseconds(2_000).describe('One deadline for a call to OPA with all of its retries.'),
  opaConnections: count(4, 64).describe('Kept-alive connections to OPA.'),
  opaRetries: z.coerce
    .number()
    .int()
    .min(0)
    .max(10)
    .default(3)
    .describe('How often a call is repeated after a transient failure of OPA.'),
  opaResetMs: milliseconds(1_000).describe('How long calls stay suspended before OPA is probed again.'),
  opaMaxResponseBytes: count(8_388_608, 268_435_456).describe('At most this much of an answer of OPA is read.'),
  opaCaFile: text.optional().describe('PEM file of the authority that signs the certificate of OPA.'),
  opaCertFile: text.optional().describe('PEM file of the client certificate for mTLS to OPA.'),
  opaKeyFile: text.optional().describe('PEM file of the key of that certificate.'),
  opaTokenFile: text
    .optional()
    .describe('File with a bearer token for OPA. It is read for every call, so the token may rotate.'),
  filterTtlMs: z.coerce
    .number()
    .int()
    .min(0)
    .max(10_000)
    .default(2_000)
    .describe('How long a filter for collections may be reused, within one policy revision. 0 keeps none.'),
  decisionCacheTtlMs: milliseconds(0, 0).describe(
    'How long a decision may be reused for an equal input, within one policy revision. 0 keeps none. Decisions of policies that depend on the time, or on anything else that changes by itself, are never kept.',
  ),
  decisionCacheMax: count(10_000, 1_000_000).describe('At most this many decisions are kept for reuse.'),
  producerKeysFile: text
    .optional()
    .describe('JWK Set: for workers, the keys of all registered producers; for a producer, its own key.'),
  producerKeysUrl: url(JWKS_URL, tlsUnlessLoopback)
    .optional()
    .describe(
      'Workers: URL of a JWKS with more public keys. `served` in the keys file says which of them count and what they may do.',
    ),
  producerKeysCaFile: text.optional().describe('PEM file of the authority that signs the certificate of the JWKS URL.'),
  resources: text
    .optional()
    .describe(
      'Declarations of this deployment\'s resource types: a .json, .js, .mjs or .ts file. Without it "document" is the only one.',
    ),
  workerConcurrency: count(600, 5_000).describe(
    'How many jobs are under way in one worker. Batches are gathered from these.',
  ),
  batchMax: count(300, 1_000).describe('At most this many commands in a batch.'),
  batchesInFlight: count(2, 16).describe('At most this many batches at a time.'),
  jobLockMs: milliseconds(30_000, 1_000).describe('How long the lock on a job lasts if its worker stops renewing it.'),
  collectionMaxRows: count(1_000, 10_000).describe(
    'How many resources a command on a collection may change, or read at a time, if it gives no limit.',
  ),
  collectionMaxExamined: count(20_000, 1_000_000).describe(
    'At most this many rows are decided for one command on a collection. Its outcome says where to continue.',
  ),
  commandMaxBytes: count(65_536, 1_048_576).describe('A larger signed command is invalid.'),
  commandMaxDepth: count(8, 32).describe('A command that nests deeper is invalid.'),
  clockSkewMs: milliseconds(5_000, 0).describe('How much the clocks of producers may differ from ours.'),
  sweepMs: milliseconds(30_000, 100).describe(
    'Pause between sweeps for dead jobs, for denials missing from the trail, and for activations of policies.',
  ),
  sweepGraceMs: milliseconds(10_000, 0).describe('A denial younger than this may still be on its way to the trail.'),
  ...BUNDLE_SETTINGS,
  ...TRAIL_SETTINGS,
  probePort: z.coerce
    .number()
    .int()
    .min(0)
    .max(65_535)
    .optional()
    .describe('Port of the probes /livez, /readyz and /health. Without it, there are none; 0 takes a free port.'),
  probeHost: text.default('127.0.0.1').describe('Address that the probes listen on.'),
  shutdownGraceMs: milliseconds(25_000).describe('How long a stopping process may take to finish what is under way.'),
  logLevel: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
    .default('info')
    .describe('Level of the log on standard output.'),
})
export type Config = Readonly<z.infer<typeof Settings>>

/** Settings that may hold a password. Each may also be given as NAME_FILE, and no message quotes its value. */
export const SECRETS = [
  'redisUrl',
  'redisPassword',
  'redisSentinelPassword',
  'databaseUrl',
] as const satisfies readonly (keyof Config)[]

/** The environment name of a setting. */
export function environmentName(setting: string): string {
  return `JOBWARDEN_${setting.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`
}
