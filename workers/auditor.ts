import { endTraces } from '../src/telemetry/register.ts'
import { hostname } from 'node:os'
import { trace } from '@opentelemetry/api'
import type { Config } from '../src/config/settings.ts'
import { postgresOptions, redisOptions } from '../src/config/adapter-options.ts'
import { ActivationCopy } from '../src/audit/copy-activations.ts'
import { TreeGrowth } from '../src/audit/grow-tree.ts'
import { type Recorded, recordDenials } from '../src/audit/record-denials.ts'
import { DenialSweep } from '../src/audit/sweep-denials.ts'
import type { TrailTree } from '../src/audit/trail-tree.ts'
import type { SigningKey } from '../src/audit/tree/note-keys.ts'
import { BundleClient } from '../src/bundles/client.ts'
import { Failure, toFailure } from '../src/domain/failure.ts'
import { Opened } from '../src/process/opened.ts'
import { Batcher } from '../src/process/batcher.ts'
import { isolateFailures } from '../src/process/isolate-failures.ts'
import { type Repeating, repeat } from '../src/process/repeat.ts'
import type { Running } from '../src/process/run-process.ts'
import { AuditQueue } from '../src/queue/audit-queue.ts'
import { consume } from '../src/queue/consume.ts'
import type { Delivery } from '../src/enforcement/ports/delivery.ts'
import { AUDIT_QUEUE } from '../src/redis/queue-names.ts'
import { stopWaitingSoon } from '../src/redis/every-connection.ts'
import { queueTelemetry } from '../src/queue/queue-telemetry.ts'
import { connectRedis } from '../src/redis/connect.ts'
import type { Database } from '../src/storage/database.ts'
import { LedgerTrail } from '../src/storage/trail/ledger-trail.ts'
import { openMigrated } from '../src/storage/migrate.ts'
import { PolicyActivations } from '../src/storage/trail/policy-activations.ts'
import { TreeStore } from '../src/storage/trail/tree-store.ts'
import type { Logger } from '../src/telemetry/logger.ts'
import { ATTRIBUTE, SPAN, TRACER_NAME } from '../src/telemetry/names.ts'
import { logFailure, loggingOutages } from './shared/log-batches.ts'
import { awaitFitRedis } from './shared/await-fit-redis.ts'
import { runWorker } from './shared/run-worker.ts'
import { databaseComponent, redisComponent, startProbes } from './shared/probes.ts'
import { trailKey } from './shared/trail-key.ts'

export type AuditorOptions = {
  readonly config: Config
  readonly log: Logger
  /** A database that is open already, such as the embedded one that the demo shares. It is left open. */
  readonly database?: Database
  readonly tracing?: boolean
}

/**
 * Starts the worker that appends denials to the audit trail and publishes those that the trail lacks.
 * @throws Failure JW_CONFIG_INVALID | JW_REDIS_UNFIT | JW_STORE_*; then everything it opened is closed again
 */
export async function startAuditor(options: AuditorOptions): Promise<Running> {
  const { config, log, tracing = false } = options
  const onError = (error: unknown) => log.error({ err: toFailure(error) }, 'error')
  await using opened = new Opened()
  const key = trailKey(config)
  const database = options.database ?? opened.adopt(await openDatabase(config, onError), (own) => own.destroy())
  const redis = opened.adopt(connectRedis(redisOptions(config), 'worker', onError), (own) => own.disconnect())
  const fitness = await awaitFitRedis(redis, config.queuePrefix, log)
  const queue = { prefix: config.queuePrefix, redis, onError, telemetry: tracing ? queueTelemetry() : undefined }
  const sink = opened.adopt(new AuditQueue(queue), (own) => own.close())
  const trail = new LedgerTrail(database)

  const batcher = new Batcher<Delivery, Recorded | Failure>(
    (batch) => loggingOutages(log, batch.length, () => isolateFailures(batch, (part) => recordDenials(part, trail))),
    { maxSize: config.batchMax, maxInFlight: 1 },
  )
  const consumer = consume<Recorded>(
    {
      ...queue,
      queue: AUDIT_QUEUE,
      startAfter: fitness.fit,
      concurrency: config.workerConcurrency,
      lockMs: config.jobLockMs,
      keepFinished: 0, // The sweep must be able to publish the same id again.
      onFailure: ({ jobId }, failure) => logFailure(log, jobId, failure),
    },
    (job) => traced(job, () => batcher.submit(job)),
  )
  opened.defer(() => consumer.close())
  const sweep = new DenialSweep({ trail, sink, graceMs: config.sweepGraceMs, now: Date.now })
  const sweeping = repeat(
    async () => {
      const published = await sweep.sweep()
      if (published > 0) log.warn({ published }, 'denials were missing from the trail; published again')
    },
    config.sweepMs,
    onError,
  )
  opened.defer(() => sweeping.stop())
  const copying = copyActivations(config, new PolicyActivations(database), log)
  opened.defer(async () => copying?.stop())
  const growing = key === undefined ? undefined : growTree(config, key, new TreeStore(database), log)
  opened.defer(async () => growing?.stop())
  // The demo shows one process with a database of its own: nobody verifies that.
  if (key === undefined && options.database === undefined)
    log.warn('without JOBWARDEN_TRAIL_KEY_FILE the tree of the trail does not grow here')
  const probes = await startProbes(config, log, {
    components: { redis: redisComponent(redis), database: databaseComponent(database) },
  })
  opened.defer(() => probes?.close())
  log.info({ queue: AUDIT_QUEUE, prefix: config.queuePrefix, probePort: probes?.port }, 'auditing')
  opened.defer(async () => stopWaitingSoon(redis))
  const running = opened.move()
  return { close: () => running[Symbol.asyncDispose](), broken: fitness.broken }
}

/** Copies from the bundle server, when there is one, which policies took effect. Denials do not wait for that. */
function copyActivations(config: Config, trail: PolicyActivations, log: Logger): Repeating | undefined {
  const { bundlesUrl: url, bundlesTokenFile: tokenFile, sweepMs } = config
  if (url === undefined || tokenFile === undefined) return undefined
  const copy = new ActivationCopy(new BundleClient({ url, tokenFile }), trail)
  return repeat(
    async () => {
      const records = await copy.copy()
      if (records > 0) log.info({ records }, 'policies took effect')
    },
    sweepMs,
    (error) =>
      log.error({ code: toFailure(error).code }, `policy activations are not copied now: ${toFailure(error).message}`),
  )
}

/** The pause between two looks at what waits for a leaf; a checkpoint is signed after each that found something. */
const GROW_MS = 1_000

/** Lets the tree of the trail grow. Denials do not wait for that. */
function growTree(
  { trailHeartbeatMs: heartbeatMs }: Config,
  key: SigningKey,
  trail: TrailTree,
  log: Logger,
): Repeating {
  const growth = new TreeGrowth({ trail, key, heartbeatMs, sequencer: `${hostname()}/${process.pid}` })
  let said: string | undefined
  return repeat(
    async () => {
      await growth.grow()
      said = undefined
    },
    GROW_MS,
    (error) => {
      const { code, message } = toFailure(error)
      if (message !== said) log.error({ code }, `the tree of the trail does not grow: ${message}`)
      said = message
    },
  )
}

/** Traces how one denial reaches the trail, in the trace of the command that was denied. */
async function traced(job: Delivery, run: () => Promise<Recorded | Failure>): Promise<Recorded | Failure> {
  const attributes = { [ATTRIBUTE.commandId]: job.jobId, [ATTRIBUTE.outcome]: job.jobName }
  const span = trace.getTracer(TRACER_NAME).startSpan(SPAN.audit, { attributes })
  try {
    const result = await run()
    if (result instanceof Failure) span.setAttribute(ATTRIBUTE.failure, result.code)
    return result
  } finally {
    span.end()
  }
}

function openDatabase(config: Config, onError: (error: unknown) => void): Promise<Database> {
  const { databaseUrl: url } = config
  if (url !== undefined) return openMigrated({ ...postgresOptions(config), url, role: 'jobwarden_auditor', onError })
  const why = 'the auditor works beside the authorizer, on PostgreSQL; the embedded database belongs to one process'
  throw new Failure('JW_CONFIG_INVALID', `JOBWARDEN_DATABASE_URL: ${why} (\`npm run demo\` runs both in one)`)
}

if (import.meta.main) await runWorker('auditor', process.env, startAuditor, endTraces)
