import { deniedOf } from './jobs.ts'
import type { Row } from './rows.ts'
import { type Servers, ledgerCounts, resetServers } from './servers.ts'
import { untilDone } from './until-done.ts'
import { WorkerProcess } from './worker-process.ts'
import type { WorkerReport } from './workers/worker-report.ts'

/** One run of a row on jobs that were all on the queue before its worker started. */
export type Throughput = {
  readonly jobsPerSecond: number
  /** User and system time of the worker's process. */
  readonly cpuMicrosPerJob: number
  /** Resident memory of the worker's process after the last job. */
  readonly rssMiB: number
}

/** Before the clock starts, a worker takes this share of further jobs. */
const WARM_UP_SHARE = 0.25

/** Measures from the first job after the warm-up to the last completion. */
export async function measureThroughput(
  row: Row,
  count: number,
  servers: Servers,
  onProgress: (done: number) => void = () => undefined,
): Promise<Throughput> {
  const exported = servers.traceSink.received()
  const throughput = await run(row, count, servers, onProgress)
  if (row.traced !== undefined && servers.traceSink.received() === exported)
    throw new Error(`${row.name}: no trace was exported`)
  return throughput
}

async function run(row: Row, count: number, servers: Servers, onProgress: (done: number) => void): Promise<Throughput> {
  const warmUp = Math.round(count * WARM_UP_SHARE)
  const all = warmUp + count
  await resetServers(servers)
  await servers.queue.addAll(await servers.jobs.make(row, 0, all))
  const worker = await WorkerProcess.start(row, servers.env, warmUp)
  try {
    await untilDone(servers.queue, worker, (unfinished) => onProgress(Math.max(0, count - unfinished)))
    const report = await worker.report()
    await requireOutcomes(row, all, report, servers)
    const seconds = ((await servers.queue.lastCompletion()) - report.startedAt) / 1000
    return {
      jobsPerSecond: count / seconds,
      cpuMicrosPerJob: report.cpuMicros / count,
      rssMiB: report.rssBytes / 2 ** 20,
    }
  } finally {
    await worker.stop()
  }
}

/** A worker that is quick because it does not do its work must not win. */
async function requireOutcomes(row: Row, count: number, { denied }: WorkerReport, servers: Servers): Promise<void> {
  const expected = deniedOf(count)
  if (row.worker === 'article' && denied !== expected) throw new Error(`article denied ${denied}, not ${expected}`)
  if (row.worker !== 'jobwarden') return
  const counts = await ledgerCounts(servers)
  const executed = (counts.get('executed') ?? 0) + (counts.get('stale') ?? 0)
  if (counts.get('denied') === expected && executed === count - expected) return
  throw new Error(`jobwarden recorded ${JSON.stringify(Object.fromEntries(counts))} of ${count} commands`)
}
