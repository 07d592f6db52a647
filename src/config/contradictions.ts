import { type Config, environmentName } from './settings.ts'

/** The settings that were given. All others have their defaults. */
type Given = Readonly<Record<string, string>>

/** Problems of settings that are fine alone and wrong together. */
export function contradictions(config: Config, given: Given): string[] {
  const found: string[] = []
  if ((config.opaCertFile === undefined) !== (config.opaKeyFile === undefined))
    found.push('JOBWARDEN_OPA_CERT_FILE: mTLS needs both a certificate and JOBWARDEN_OPA_KEY_FILE')
  if (config.opaTimeoutMs + config.databaseTimeoutMs * 2 > config.jobLockMs)
    found.push('JOBWARDEN_JOB_LOCK_MS: must be longer than a batch may take (OPA timeout + twice the database timeout)')
  if (config.batchMax > config.workerConcurrency)
    found.push('JOBWARDEN_BATCH_MAX: a batch cannot be larger than JOBWARDEN_WORKER_CONCURRENCY')
  if (config.collectionMaxExamined <= config.collectionMaxRows)
    found.push('JOBWARDEN_COLLECTION_MAX_EXAMINED: must be more than JOBWARDEN_COLLECTION_MAX_ROWS')
  if (config.producerKeysUrl !== undefined && config.producerKeysFile === undefined)
    found.push('JOBWARDEN_PRODUCER_KEYS_URL: needs JOBWARDEN_PRODUCER_KEYS_FILE, which says what its keys may do')
  if (config.producerKeysCaFile !== undefined && config.producerKeysUrl?.startsWith('https:') !== true)
    found.push('JOBWARDEN_PRODUCER_KEYS_CA_FILE: is for a JOBWARDEN_PRODUCER_KEYS_URL that begins with https://')
  if ((config.bundlesTlsCertFile === undefined) !== (config.bundlesTlsKeyFile === undefined))
    found.push('JOBWARDEN_BUNDLES_TLS_CERT_FILE: TLS needs both a certificate and JOBWARDEN_BUNDLES_TLS_KEY_FILE')
  if ((config.bundlesUrl === undefined) !== (config.bundlesTokenFile === undefined))
    found.push('JOBWARDEN_BUNDLES_URL: needs JOBWARDEN_BUNDLES_TOKEN_FILE, and vice versa')
  if ((config.trailKeyFile === undefined) !== (config.trailOrigin === undefined))
    found.push('JOBWARDEN_TRAIL_KEY_FILE: needs JOBWARDEN_TRAIL_ORIGIN, and vice versa')
  return [...found, ...redisPlaces(config, given), ...redisTrust(config)]
}

/** It puts keys into one slot: Redis Cluster only runs a script on a node that has all of its keys. */
const HASH_TAG = /\{[^{}]+\}/

function redisPlaces(config: Config, given: Given): string[] {
  const found: string[] = []
  const places = ['redisUrl', 'redisSentinels', 'redisCluster'].filter((place) => given[place] !== undefined)
  if (places.length > 1) {
    const [first = '', ...others] = places.map(environmentName)
    found.push(`${first}: there can be only one Redis, and ${others.join(' and ')} names another one`)
  }
  if ((config.redisSentinels === undefined) !== (config.redisSentinelName === undefined))
    found.push('JOBWARDEN_REDIS_SENTINELS: needs JOBWARDEN_REDIS_SENTINEL_NAME, the name of the master, and vice versa')
  if (config.redisSentinels === undefined && SENTINELS_OWN.some((setting) => given[setting] !== undefined))
    found.push('JOBWARDEN_REDIS_SENTINELS: is not set, but a user, a password or TLS for sentinels is')
  if (config.redisCluster !== undefined && !HASH_TAG.test(config.queuePrefix))
    found.push(
      'JOBWARDEN_QUEUE_PREFIX: must be a {hash tag}, such as {jobwarden}, on a Redis Cluster: it keeps a queue on one node',
    )
  return found
}

const SENTINELS_OWN = ['redisSentinelUsername', 'redisSentinelPassword', 'redisSentinelTls'] as const

function redisTrust(config: Config): string[] {
  const found: string[] = []
  const url = URL.parse(config.redisUrl)
  const single = config.redisSentinels === undefined && config.redisCluster === undefined
  if (single && config.redisUsername !== undefined && url?.username)
    found.push('JOBWARDEN_REDIS_USERNAME: JOBWARDEN_REDIS_URL names a user as well')
  if (single && config.redisPassword !== undefined && url?.password)
    found.push('JOBWARDEN_REDIS_PASSWORD: JOBWARDEN_REDIS_URL holds a password as well')
  if (single && config.redisTls && url?.protocol === 'redis:')
    found.push('JOBWARDEN_REDIS_TLS: a URL asks for TLS with rediss://, and JOBWARDEN_REDIS_URL begins with redis://')
  if ((config.redisCertFile === undefined) !== (config.redisKeyFile === undefined))
    found.push('JOBWARDEN_REDIS_CERT_FILE: mTLS needs both a certificate and JOBWARDEN_REDIS_KEY_FILE')
  const tls = single ? url?.protocol === 'rediss:' : config.redisTls || config.redisSentinelTls
  if (!tls && (config.redisCaFile ?? config.redisCertFile) !== undefined)
    found.push('JOBWARDEN_REDIS_CA_FILE: there are TLS files, but TLS is off (rediss://, or JOBWARDEN_REDIS_TLS=true)')
  return found
}
