import { ARRIVALS_PER_SECOND, measureLatency } from './measure-latency.ts'
import { type Throughput, measureThroughput } from './measure-throughput.ts'
import { say, underBar } from './progress.ts'
import type { Measured } from './report.ts'
import { ROWS, type Row, isCompared } from './rows.ts'
import type { Servers } from './servers.ts'

/**
 * The compared rows run once in each round, so that noise of the machine affects all of them, and the best run counts.
 * The others only run in the first round, so that the whole takes a few minutes.
 */
const ROUNDS = 3
const LATENCY_SECONDS = 8

/** Measures every row: first its speed on a full queue, then how long jobs take that arrive one by one. */
export async function compareRows(jobs: number, servers: Servers): Promise<Measured[]> {
  const best = new Map<Row, Throughput>()
  for (let round = 1; round <= ROUNDS; round++) {
    say(`round ${round} of ${ROUNDS}: ${jobs} jobs on the queue`)
    for (const row of round === 1 ? ROWS : ROWS.filter(isCompared)) {
      const throughput = await underBar(
        `  ${row.name}`,
        jobs,
        (onProgress) => measureThroughput(row, jobs, servers, onProgress),
        ({ jobsPerSecond, cpuMicrosPerJob }) =>
          `${jobsPerSecond.toFixed(0)} jobs/s, ${cpuMicrosPerJob.toFixed(0)} µs CPU a job`,
      )
      const before = best.get(row)
      if (before === undefined || throughput.jobsPerSecond > before.jobsPerSecond) best.set(row, throughput)
    }
  }
  return withLatencies(best, Math.min(LATENCY_SECONDS, jobs / ARRIVALS_PER_SECOND), servers)
}

async function withLatencies(
  best: ReadonlyMap<Row, Throughput>,
  seconds: number,
  servers: Servers,
): Promise<Measured[]> {
  say(`latency: ${ARRIVALS_PER_SECOND} jobs arrive a second, for ${seconds.toFixed(0)} s`)
  const measured: Measured[] = []
  for (const [row, throughput] of best) {
    const latency = await measureLatency(row, seconds, servers)
    say(`  ${row.name}: p50 ${latency.p50Ms} ms, p99 ${latency.p99Ms} ms`)
    measured.push({ name: row.name, ...throughput, ...latency })
  }
  return measured
}
