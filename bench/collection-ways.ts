import { randomUUID } from 'node:crypto'
import { opaOptions } from '../src/config/adapter-options.ts'
import { loadConfig } from '../src/config/load-config.ts'
import type { User } from '../src/domain/command.ts'
import { Failure } from '../src/domain/failure.ts'
import { NO_LIMITS } from '../src/domain/producer-limits.ts'
import { processBatch } from '../src/enforcement/process-batch.ts'
import type { LocalOpa } from '../devkit/start-opa.ts'
import { OpaClient } from '../src/pdp/opa-client.ts'
import { filterRequest } from '../src/enforcement/ports/decision-point.ts'
import { document } from '../src/resource-types/document.ts'
import { resourceTypes } from '../src/resource-types/registry.ts'
import type { Database } from '../src/storage/database.ts'
import { LedgerStore } from '../src/storage/ledger/ledger-store.ts'
import { UNOBSERVED } from '../src/telemetry/observe-all.ts'

/** One way to give a user the rows that the policies allow. */
export type CollectionRow = {
  readonly name: string
  readonly ms: number
  readonly rows: number
  readonly memoryMiB: number
}

/** Each owner has a thousandth of the documents. */
export const OWNERS = 1_000
const TRIES = 5

export const USER: User = { id: 'user_7', role: 'user', department: 'engineering' }

/** How many rows a way found, and how many it looked at if it ended early. */
export type Found = { readonly count: number; readonly examined?: number | undefined }
export type Way = (user: User, limit: number) => Promise<Found>

/** The ways to read a collection from PostgreSQL: with a trusted filter, and as the worker does. */
export async function openWays(db: Database, opa: LocalOpa) {
  const config = loadConfig({ JOBWARDEN_OPA_URL: opa.url, JOBWARDEN_OPA_TIMEOUT_MS: '5000' })
  const pdp = OpaClient.open({ ...opaOptions(config), headers: () => ({}), onCircuitChange: () => undefined })
  const store = new LedgerStore(db, resourceTypes)
  const { collectionMaxRows: maxRows, collectionMaxExamined: maxExamined } = config

  /** The filter, one query, and one statement that records: what it would cost if filters could be trusted. */
  const filterAlone: Way = async (user, limit) => {
    const answer = (await pdp.filter(new Map([['it', filterRequest({ user, action: 'read' }, document)]]))).get('it')
    if (answer === undefined || answer instanceof Failure) throw answer ?? new Error('no filter')
    const { filter, policyRevision } = answer
    const rows = await store.candidates({ type: 'document', where: {}, filter, limit })
    const now = new Date().toISOString()
    const end = await store.commitCollection({
      commandId: randomUUID(),
      commandDigest: 'bench',
      producer: 'bench',
      queue: 'bench',
      user,
      action: 'read',
      resourceType: 'document',
      resourceId: undefined,
      request: { user, action: 'read', resource: { type: 'document' } },
      issuedAt: now,
      expiresAt: now,
      inputDigest: 'bench',
      rows,
      outcome: { outcome: 'executed', policyRevision },
      leaveOutChanged: false,
      patch: undefined,
    })
    return { count: 'outcome' in end && 'count' in end.outcome ? end.outcome.count : 0 }
  }

  /** All that a worker does with such a command, from its delivery to its outcome. */
  const everyRowDecided: Way = async (user, limit) => {
    const id = randomUUID()
    const [issuedAt, expiresAt] = [0, 600_000].map((ms) => new Date(Date.now() + ms).toISOString())
    const command = { id, user, action: 'read', resource: { type: 'document', limit }, issuedAt, expiresAt }
    const delivery = { queue: 'bench', jobId: id, jobName: 'read', data: 'signed' }
    const payload = JSON.stringify({ queue: 'bench', command })
    const [end] = await processBatch([delivery], {
      admission: {
        verifier: { verify: async () => ({ payload, producer: 'bench', limits: NO_LIMITS }) },
        resourceTypes,
        limits: { maxBytes: 65_536, maxDepth: 8, clockSkewMs: 1_000 },
        now: Date.now,
      },
      store,
      pdp,
      audit: { publish: async () => undefined },
      limits: { maxRows, maxExamined },
      observer: UNOBSERVED,
    })
    if (typeof end !== 'object' || end instanceof Failure || end.outcome !== 'executed')
      throw end instanceof Failure ? end : new Error(`it ended ${JSON.stringify(end)}`)
    return { count: end.count, examined: end.examined }
  }

  return { filterAlone, everyRowDecided, close: () => pdp.close() }
}

/** How long a run takes once everything is warm. */
export async function median(run: () => Promise<void>): Promise<number> {
  const times: number[] = []
  for (let attempt = 0; attempt <= TRIES; attempt++) {
    const started = performance.now()
    await run()
    times.push(performance.now() - started)
  }
  const warm = times.slice(1).toSorted((a, b) => a - b)
  return warm[Math.floor(warm.length / 2)] ?? Number.NaN
}
