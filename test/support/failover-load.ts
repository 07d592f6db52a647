import { sql } from 'kysely'
import type { Database } from '../../src/storage/database.ts'
import type { FaultBench } from './fault-bench.ts'
import { eventually, recordedOutcomes } from './ledger.ts'
import type { Workload } from './workload.ts'

/** Deadlines and locks that a busy machine keeps, so that what is repeated comes from the failover. */
export const STEADY = {
  JOBWARDEN_JOB_LOCK_MS: '5000',
  JOBWARDEN_OPA_TIMEOUT_MS: '1500',
  JOBWARDEN_DATABASE_TIMEOUT_MS: '1500',
}

/** What a producer knows after a run: which calls were taken, and how many were not. */
export type Enqueued = { readonly acknowledged: readonly string[]; readonly failedCalls: number }

/** Enqueues a workload in many calls, one after another, as an upstream service that never asks twice. */
export async function enqueueInCalls(
  { queue }: FaultBench,
  { commands }: Pick<Workload, 'commands'>,
  beforeCall: (call: number) => Promise<unknown> | undefined,
): Promise<Enqueued> {
  const acknowledged: string[] = []
  let failedCalls = 0
  for (let start = 0; start < commands.length; start += PER_CALL) {
    await beforeCall(start / PER_CALL)
    try {
      const report = await queue.producer.enqueue(commands.slice(start, start + PER_CALL))
      acknowledged.push(...report.enqueued)
    } catch {
      failedCalls += 1
    }
  }
  return { acknowledged, failedCalls }
}

/** One round of a workload a call. */
const PER_CALL = 12

/**
 * How many deliveries of the workload's commands came besides the first of each, from the events of the queue. Redis
 * keeps about 10,000 of them.
 */
export async function repeatedDeliveries({ commands, redis }: FaultBench, { expected }: Workload): Promise<number> {
  const events = await redis.xrange(commands.toKey('events'), '-', '+')
  const delivered = events
    .map(
      ([, fields]) => new Map(fields.flatMap((field, at) => (at % 2 === 0 ? [[field, fields[at + 1]] as const] : []))),
    )
    .flatMap((event) => (event.get('event') === 'active' ? (event.get('jobId') ?? []) : []))
    .filter((id) => expected.has(id))
  return delivered.length - new Set(delivered).size
}

/** Waits until the queues are at rest, and tells which of the acknowledged commands are on no queue and have no outcome. */
export async function lostCommands({ stack, commands, audit }: FaultBench, ids: readonly string[]): Promise<string[]> {
  const atRest = async () => {
    const counts = await Promise.all([commands, audit].map((queue) => queue.getJobCountByTypes(...UNDER_WAY)))
    return counts.every((count) => count === 0)
  }
  await eventually(async () => ((await atRest()) && (await atRest())) || undefined, 90_000)
  const recorded = await recordedOutcomes(stack.owner, ids)
  return ids.filter((id) => !recorded.has(id))
}

const UNDER_WAY = ['waiting', 'active', 'delayed'] as const

/** The longest time in which no outcome was recorded, in milliseconds. */
export async function longestPauseMs(owner: Database): Promise<number> {
  const { rows } = await sql<{ pause: number }>`
    select coalesce(max(pause), 0)::int as pause
      from (select extract(epoch from recorded_at - lag(recorded_at) over (order by recorded_at)) * 1000 as pause
              from ledger.commands) as pauses`.execute(owner)
  return rows[0]?.pause ?? 0
}
