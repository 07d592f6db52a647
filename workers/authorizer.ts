import { endTraces } from '../src/telemetry/register.ts'
import { context, propagation } from '@opentelemetry/api'
import type { Config } from '../src/config/settings.ts'
import { opaOptions, postgresOptions, redisOptions } from '../src/config/adapter-options.ts'
import { Failure, toFailure } from '../src/domain/failure.ts'
import type { Outcome } from '../src/domain/outcome.ts'
import { Batcher } from '../src/process/batcher.ts'
import type { Delivery } from '../src/enforcement/ports/delivery.ts'
import { isolateFailures } from '../src/process/isolate-failures.ts'
import type { Observer } from '../src/enforcement/ports/observer.ts'
import { type Enforcement, processBatch } from '../src/enforcement/process-batch.ts'
import { reconcile } from '../src/enforcement/reconcile.ts'
import { Opened } from '../src/process/opened.ts'
import { repeat } from '../src/process/repeat.ts'
import type { Running } from '../src/process/run-process.ts'
import { DecisionCache } from '../src/pdp/decision-cache.ts'
import { OpaClient } from '../src/pdp/opa-client.ts'
import { DECISIONS_POLICY } from '../src/pdp/opa-wire.ts'
import { AuditQueue } from '../src/queue/audit-queue.ts'
import { type Consumer, consume } from '../src/queue/consume.ts'
import { FailedJobs, type QueueConnection } from '../src/queue/failed-jobs.ts'
import { COMMAND_QUEUE } from '../src/redis/queue-names.ts'
import { stopWaitingSoon } from '../src/redis/every-connection.ts'
import { queueTelemetry } from '../src/queue/queue-telemetry.ts'
import { connectRedis } from '../src/redis/connect.ts'
import type { ResourceTypes } from '../src/domain/resource-type.ts'
import { readResourceTypes } from '../src/config/read-resource-types.ts'
import { type Database, openEmbedded } from '../src/storage/database.ts'
import { LedgerStore } from '../src/storage/ledger/ledger-store.ts'
import { requireFitTables } from '../src/storage/tables/require-fit-tables.ts'
import { migrate, openMigrated } from '../src/storage/migrate.ts'
import type { Logger } from '../src/telemetry/logger.ts'
import { observeAll } from '../src/telemetry/observe-all.ts'
import { BatchTraces } from '../src/telemetry/trace-batches.ts'
import { FollowedKeys } from './shared/followed-keys.ts'
import { Disagreements, logFailure, loggingOutages } from './shared/log-batches.ts'
import { awaitFitRedis } from './shared/await-fit-redis.ts'
import { runWorker } from './shared/run-worker.ts'
import { databaseComponent, opaComponent, redisComponent, startProbes } from './shared/probes.ts'

export type AuthorizerOptions = {
  readonly config: Config
  readonly log: Logger
  /** A database that is open already, such as the embedded one that the demo shares. It is left open. */
  readonly database?: Database
  readonly tracing?: boolean
  /** The resource types of this deployment; by default those of JOBWARDEN_RESOURCES. */
  readonly resourceTypes?: ResourceTypes
  /** Sees every batch and the steps of each, besides traces and figures. */
  readonly observer?: Observer
}

/**
 * Starts the worker that authorizes commands before it runs them.
 * @throws Failure JW_CONFIG_INVALID | JW_REDIS_UNFIT | JW_STORE_*; then everything it opened is closed again
 */
export async function startAuthorizer(options: AuthorizerOptions): Promise<Running> {
  const { config, log, tracing = false } = options
  const onError = (error: unknown) => log.error({ err: toFailure(error) }, 'error')
  await using opened = new Opened()
  const resourceTypes = options.resourceTypes ?? (await readResourceTypes(config.resources))
  const keys = opened.use(await FollowedKeys.open(config, log))
  const database = options.database ?? opened.adopt(await openDatabase(config, onError), (own) => own.destroy())
  await requireFitTables(database, resourceTypes)
  const redis = opened.adopt(connectRedis(redisOptions(config), 'worker', onError), (own) => own.disconnect())
  const fitness = await awaitFitRedis(redis, config.queuePrefix, log)
  const queue = { prefix: config.queuePrefix, redis, onError, telemetry: tracing ? queueTelemetry() : undefined }
  const audit = opened.adopt(new AuditQueue(queue), (own) => own.close())
  const taking: { consumer?: Consumer } = {} // The circuit may open before there is a consumer to pause.
  const pdp = OpaClient.open({
    ...opaOptions(config),
    headers: traceHeaders,
    onCircuitChange: (open) => {
      log.warn({ open }, open ? 'OPA is down: taking no jobs' : 'OPA is back: taking jobs')
      const changed = open ? taking.consumer?.pause() : taking.consumer?.resume()
      changed?.catch(onError)
    },
  })
  opened.defer(() => pdp.close())

  const { commandMaxBytes: maxBytes, commandMaxDepth: maxDepth, clockSkewMs } = config
  const admission = {
    verifier: keys.verifier,
    resourceTypes,
    limits: { maxBytes, maxDepth, clockSkewMs },
    now: Date.now,
  }
  const cache = decisionCache(config, pdp)
  const store = new LedgerStore(database, resourceTypes)
  const disagreements = new Disagreements(log)
  const enforcement: Enforcement = {
    admission,
    store,
    pdp: cache ?? pdp,
    audit,
    limits: { maxRows: config.collectionMaxRows, maxExamined: config.collectionMaxExamined },
    observer: observeAll([
      new BatchTraces({ messagingSystem: 'bullmq', policyPath: DECISIONS_POLICY }),
      disagreements,
      ...(options.observer === undefined ? [] : [options.observer]),
    ]),
  }
  const batcher = new Batcher<Delivery, Outcome | Failure>(
    (batch) =>
      loggingOutages(log, batch.length, () => isolateFailures(batch, (part) => processBatch(part, enforcement))),
    { maxSize: config.batchMax, maxInFlight: config.batchesInFlight },
  )
  const consumer = consume<Outcome>(
    {
      ...queue,
      queue: COMMAND_QUEUE,
      startAfter: fitness.fit,
      concurrency: config.workerConcurrency,
      lockMs: config.jobLockMs,
      keepFinished: 1_000,
      onFailure: ({ jobId }, failure) => logFailure(log, jobId, failure),
    },
    (job) => batcher.submit(job),
  )
  opened.defer(() => consumer.close())
  taking.consumer = consumer
  if (pdp.suspended) await consumer.pause()
  opened.adopt(startReconciling(config, queue, enforcement, log), (own) => own.close())
  const probes = await startProbes(config, log, {
    components: { opa: opaComponent(pdp), redis: redisComponent(redis), database: databaseComponent(database) },
    figures: () => ({
      suspended: pdp.suspended,
      producers: keys.figures,
      filterDisagreements: disagreements.rows,
      ...(cache !== undefined && { decisionCache: cache.figures }),
    }),
  })
  opened.defer(() => probes?.close())
  log.info({ queue: COMMAND_QUEUE, prefix: config.queuePrefix, probePort: probes?.port }, 'authorizing')
  opened.defer(async () => stopWaitingSoon(redis))
  const running = opened.move()
  return { close: () => running[Symbol.asyncDispose](), broken: fitness.broken }
}

function decisionCache(config: Config, pdp: OpaClient): DecisionCache | undefined {
  const { decisionCacheTtlMs: ttlMs, decisionCacheMax: maxEntries } = config
  return ttlMs === 0
    ? undefined
    : new DecisionCache(pdp, {
        ttlMs,
        maxEntries,
        revision: () => pdp.revision(),
        isVolatile: (revision) => pdp.isVolatile(revision),
      })
}

/** A job may appear in the failed set this long after its time stamp, which a worker sets before Redis answers. */
const LATE_FAILURE_MS = 600_000

/** Looks for dead jobs repeatedly, each time only among those that have failed since the last time. */
function startReconciling(config: Config, queue: QueueConnection, enforcement: Enforcement, log: Logger): Running {
  const failedJobs = new FailedJobs(COMMAND_QUEUE, queue)
  let reconciledUntil = 0
  const reconciling = repeat(
    async () => {
      const started = Date.now()
      for await (const page of failedJobs.since(reconciledUntil)) {
        const ended = await isolateFailures(page, (part) => reconcile(part, enforcement))
        for (const [index, end] of ended.entries()) {
          const jobId = page[index]?.delivery.jobId
          if (end instanceof Failure) log.error({ jobId, code: end.code }, `a dead job is not recorded: ${end.message}`)
          else if (end?.outcome === 'dead') log.error({ jobId, reasons: end.reasons }, 'a job is dead')
        }
      }
      reconciledUntil = started - LATE_FAILURE_MS
    },
    config.sweepMs,
    (error) => queue.onError(toFailure(error)),
  )
  return {
    close: async () => {
      await reconciling.stop()
      await failedJobs.close()
    },
  }
}

/** Opens PostgreSQL, which must be migrated, or the embedded database, which the authorizer migrates itself. */
async function openDatabase(config: Config, onError: (error: unknown) => void): Promise<Database> {
  const { databaseUrl: url } = config
  if (url !== undefined) return openMigrated({ ...postgresOptions(config), url, role: 'jobwarden_authorizer', onError })
  const embedded = openEmbedded(config.dataDir)
  await migrate(embedded)
  return embedded
}

function traceHeaders(): Record<string, string> {
  const headers: Record<string, string> = {}
  propagation.inject(context.active(), headers)
  return headers
}

if (import.meta.main) await runWorker('authorizer', process.env, startAuthorizer, endTraces)
