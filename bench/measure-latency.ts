import { setTimeout as pause } from 'node:timers/promises'
import type { BenchJob } from './jobs.ts'
import type { Row } from './rows.ts'
import { type Servers, resetServers } from './servers.ts'
import { untilDone } from './until-done.ts'
import { WorkerProcess } from './worker-process.ts'

/** From `add` in the producer to the completion that Redis records, in milliseconds. The clock ticks in whole ones. */
export type Latency = { readonly p50Ms: number; readonly p99Ms: number }

/** The arrival rate of every row, which the slowest of them can sustain. */
export const ARRIVALS_PER_SECOND = 300

/** The first second warms the worker up and does not count. */
const WARM_UP_SECONDS = 1

/** Adds jobs one by one at a fixed rate to a queue that is empty at the start. */
export async function measureLatency(row: Row, seconds: number, servers: Servers): Promise<Latency> {
  await resetServers(servers)
  const warmUp = WARM_UP_SECONDS * ARRIVALS_PER_SECOND
  const jobs = await servers.jobs.make(row, 0, Math.round(warmUp + seconds * ARRIVALS_PER_SECOND))
  const worker = await WorkerProcess.start(row, servers.env)
  const completedAt = new Map<string, number>()
  const watching = await servers.queue.watch((jobId, at) => completedAt.set(jobId, at))
  try {
    const addedAt = await arrive(jobs, (job) => servers.queue.add(job))
    await untilDone(servers.queue, worker)
    for (let tries = 0; completedAt.size < jobs.length && tries < 100; tries++) await pause(50)
    const latencies = jobs.slice(warmUp).map(({ opts: { jobId = '' } }) => {
      const [added, completed] = [addedAt.get(jobId), completedAt.get(jobId)]
      if (added === undefined || completed === undefined) throw new Error(`no completion of job ${jobId} was seen`)
      return completed - added
    })
    return { p50Ms: percentile(latencies, 0.5), p99Ms: percentile(latencies, 0.99) }
  } finally {
    await watching.close()
    await worker.stop()
  }
}

/** Adds each job at its time, whether or not earlier ones have ended, and returns when each was added. */
async function arrive(
  jobs: readonly BenchJob[],
  add: (job: BenchJob) => Promise<void>,
): Promise<ReadonlyMap<string, number>> {
  const addedAt = new Map<string, number>()
  const adding: Promise<void>[] = []
  const start = performance.now()
  for (const [index, job] of jobs.entries()) {
    const early = start + (index * 1000) / ARRIVALS_PER_SECOND - performance.now()
    if (early > 0) await pause(early)
    addedAt.set(job.opts.jobId ?? '', Date.now())
    adding.push(add(job))
  }
  await Promise.all(adding)
  return addedAt
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}
