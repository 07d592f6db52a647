import { loadConfig } from '../../src/config/load-config.ts'
import { Failure } from '../../src/domain/failure.ts'

/** Environments that are refused although each of their settings is fine alone. */
const EXAMPLES: readonly Readonly<Record<string, string>>[] = [
  { JOBWARDEN_OPA_CERT_FILE: 'client.pem' },
  { JOBWARDEN_JOB_LOCK_MS: '1000' },
  { JOBWARDEN_WORKER_CONCURRENCY: '100', JOBWARDEN_BATCH_MAX: '200' },
  { JOBWARDEN_REDIS_URL: 'redis://redis', JOBWARDEN_REDIS_CLUSTER: 'node:6379', JOBWARDEN_QUEUE_PREFIX: '{jobwarden}' },
  { JOBWARDEN_REDIS_SENTINELS: 'sentinel:26379' },
  { JOBWARDEN_REDIS_SENTINEL_TLS: 'true' },
  { JOBWARDEN_REDIS_CLUSTER: 'node:6379' },
  { JOBWARDEN_REDIS_URL: 'redis://worker@redis', JOBWARDEN_REDIS_USERNAME: 'worker' },
  { JOBWARDEN_REDIS_URL: 'redis://worker:password@redis', JOBWARDEN_REDIS_PASSWORD: 'password' },
  { JOBWARDEN_REDIS_URL: 'redis://redis', JOBWARDEN_REDIS_TLS: 'true' },
  { JOBWARDEN_REDIS_URL: 'rediss://redis', JOBWARDEN_REDIS_CERT_FILE: 'client.pem' },
  { JOBWARDEN_REDIS_CA_FILE: 'ca.pem' },
  { JOBWARDEN_PRODUCER_KEYS_URL: 'https://keys/jwks.json' },
  { JOBWARDEN_PRODUCER_KEYS_CA_FILE: 'ca.pem' },
  { JOBWARDEN_BUNDLES_TLS_CERT_FILE: 'server.pem' },
  { JOBWARDEN_BUNDLES_URL: 'http://bundles:8383' },
  { JOBWARDEN_TRAIL_KEY_FILE: 'trail.pem' },
]

/** The messages of the loader for each example. @throws Error when it accepts one, because the page would be wrong */
export function contradictions(): string[] {
  return EXAMPLES.flatMap(problemsOf)
}

function problemsOf(env: Readonly<Record<string, string>>): string[] {
  try {
    loadConfig(env)
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    const [, ...lines] = error.message.split('\n')
    return lines.map(marked)
  }
  throw new Error(`${JSON.stringify(env)} is no longer a contradiction; correct scripts/docs/contradictions.ts`)
}

/** The line as Markdown, with the names of settings as code. */
function marked(line: string): string {
  return line.trim().replaceAll(/JOBWARDEN_[A-Z_]+/g, '`$&`')
}
