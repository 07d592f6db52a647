import type { Latency } from './measure-latency.ts'
import type { Throughput } from './measure-throughput.ts'
import { isCompared } from './rows.ts'

/** One row of the result. */
export type Measured = { readonly name: string } & Throughput & Latency

/** What `--json` writes: the compared rows as `rows`, and the others as `more`. */
export type JsonReport = { readonly rows: readonly Measured[]; readonly more: readonly Measured[] }

/** The promises of the project: at least these ratios of jobs per second. */
const TARGETS = [
  { of: 'raw', atLeast: 0.4 },
  { of: 'article', atLeast: 5 },
] as const

/** The rows as a table for people. */
export function table(rows: readonly Measured[]): string {
  const raw = rows.find(({ name }) => name === 'raw')?.jobsPerSecond ?? Number.NaN
  const head = ['row', 'jobs/s', 'of raw', 'CPU µs/job', 'p50 ms', 'p99 ms', 'RSS MiB']
  const lines = rows.map((row) => [
    row.name,
    row.jobsPerSecond.toFixed(0),
    (row.jobsPerSecond / raw).toFixed(2),
    row.cpuMicrosPerJob.toFixed(0),
    row.p50Ms.toFixed(0),
    row.p99Ms.toFixed(0),
    row.rssMiB.toFixed(0),
  ])
  const widths = head.map((title, column) => Math.max(title.length, ...lines.map((line) => line[column]?.length ?? 0)))
  return [head, ...lines]
    .map((line) =>
      line
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join('  '),
    )
    .join('\n')
}

/** One line for each promise: the measured ratio, and whether the promise is kept. */
export function verdictsOf(rows: readonly Measured[]): string[] {
  const speed = new Map(rows.map(({ name, jobsPerSecond }) => [name, jobsPerSecond]))
  return TARGETS.map(({ of, atLeast }) => {
    const ratio = (speed.get('jobwarden') ?? Number.NaN) / (speed.get(of) ?? Number.NaN)
    const verdict = ratio >= atLeast ? 'yes' : 'NO'
    return `jobwarden is at least ${atLeast.toFixed(2)} times as fast as ${of}: ${verdict}, ${ratio.toFixed(2)} times`
  })
}

/** The result for programs, with exactly the members that `docs/performance.md` names. */
export function jsonReport(rows: readonly Measured[]): JsonReport {
  const plain = rows.map(({ name, jobsPerSecond, cpuMicrosPerJob, p50Ms, p99Ms, rssMiB }) => ({
    name,
    jobsPerSecond,
    cpuMicrosPerJob,
    p50Ms,
    p99Ms,
    rssMiB,
  }))
  return { rows: plain.filter(isCompared), more: plain.filter((row) => !isCompared(row)) }
}
