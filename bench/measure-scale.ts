import { availableParallelism } from 'node:os'
import type { LocalOpa } from '../devkit/start-opa.ts'
import { cpuMicros } from './cpu-time.ts'
import { JOBWARDEN } from './rows.ts'
import { type Servers, ledgerCounts, resetServers } from './servers.ts'
import { untilDone } from './until-done.ts'
import { WorkerProcess } from './worker-process.ts'

/** How many workers, each with its own OPA, take jobs from one Redis. */
export const SCALE = [1, 2, 4] as const

/** What one command costs each kind of process, in microseconds of CPU. */
export type Cost = Readonly<Record<'workers' | 'opa' | 'postgres' | 'redis', number>>

export type ScaleRow = {
  readonly workers: number
  readonly jobsPerSecond: number
  readonly cost: Cost
  /** Share of the machine's CPU time that these processes used. */
  readonly busy: number
}

type Sample = { readonly at: number; readonly unfinished: number; readonly used: Cost }

/** Enqueues a quarter more than `count` jobs, and measures from when `count` are left to the end. */
export async function measureScale(
  workers: number,
  count: number,
  servers: Servers,
  opas: readonly LocalOpa[],
): Promise<ScaleRow> {
  const all = Math.round(count * 1.25)
  await resetServers(servers)
  await servers.queue.addAll(await servers.jobs.make(JOBWARDEN, 0, all))
  const used = opas.slice(0, workers)
  const processes = await Promise.all(
    used.map(({ url }) => WorkerProcess.start({ ...JOBWARDEN, settings: { JOBWARDEN_OPA_URL: url } }, servers.env)),
  )
  const sample = (unfinished: number): Sample => {
    const sum = (pids: readonly (number | undefined)[]) =>
      pids.reduce<number>((total, pid) => total + (pid === undefined ? 0 : cpuMicros(pid)), 0)
    return {
      at: Date.now(),
      unfinished,
      used: {
        workers: sum(processes.map(({ pid }) => pid)),
        opa: sum(used.map(({ server }) => server.pid)),
        postgres: sum([servers.processes.postgres.pid]),
        redis: sum([servers.processes.redis.pid]),
      },
    }
  }
  try {
    let start: Sample | undefined
    const ended = Promise.race(processes.map((worker) => worker.ended))
    await untilDone(servers.queue, { ended }, (unfinished) => {
      if (unfinished <= count) start ??= sample(unfinished)
    })
    const end = sample(0)
    await requireOutcomes(all, servers)
    if (start === undefined) throw new Error(`all ${all} jobs had ended before the measurement began`)
    return rowOf(workers, start, end)
  } finally {
    await Promise.all(processes.map((worker) => worker.stop()))
  }
}

async function requireOutcomes(all: number, servers: Servers): Promise<void> {
  const recorded = [...(await ledgerCounts(servers)).values()].reduce((sum, each) => sum + each, 0)
  if (recorded !== all) throw new Error(`${recorded} outcomes of ${all} commands`)
}

function rowOf(workers: number, start: Sample, end: Sample): ScaleRow {
  const jobs = start.unfinished
  const perJob = (name: keyof Cost) => (end.used[name] - start.used[name]) / jobs
  const cost = {
    workers: perJob('workers'),
    opa: perJob('opa'),
    postgres: perJob('postgres'),
    redis: perJob('redis'),
  }
  const seconds = (end.at - start.at) / 1_000
  const total = Object.values(cost).reduce((sum, each) => sum + each, 0)
  return {
    workers,
    jobsPerSecond: jobs / seconds,
    cost,
    busy: (total * jobs) / 1e6 / seconds / availableParallelism(),
  }
}

/** The rows as a table for people. */
export function scaleLines(rows: readonly ScaleRow[]): string[] {
  const head = 'workers  jobs/s  CPU µs/job: workers  opa  postgres  redis  machine busy'
  return [
    head,
    ...rows.map(({ workers, jobsPerSecond, cost, busy }) =>
      [
        String(workers).padStart(7),
        jobsPerSecond.toFixed(0).padStart(6),
        cost.workers.toFixed(0).padStart(19),
        cost.opa.toFixed(0).padStart(3),
        cost.postgres.toFixed(0).padStart(8),
        cost.redis.toFixed(0).padStart(5),
        `${(busy * 100).toFixed(0)} %`.padStart(12),
      ].join('  '),
    ),
  ]
}
