import { JOBWARDEN } from './rows.ts'
import { type Servers, resetServers } from './servers.ts'
import { untilDone } from './until-done.ts'
import { WorkerProcess } from './worker-process.ts'

/** The number of jobs in the whole run, and between two measurements of the memory. */
export const MEMORY_JOBS = 200_000
export const MEMORY_STEP = 20_000

/** Resident memory may be this much higher in the second half of the run than in the first. */
const TOLERANCE = 1.1

export type MemorySample = { readonly jobs: number; readonly rssMiB: number }

/** Sends jobs through one authorizer, a step at a time, and measures its memory after each step. */
export async function measureMemory(
  servers: Servers,
  onSample: (sample: MemorySample) => void,
): Promise<readonly MemorySample[]> {
  await resetServers(servers)
  const worker = await WorkerProcess.start(JOBWARDEN, servers.env)
  const samples: MemorySample[] = []
  try {
    for (let jobs = MEMORY_STEP; jobs <= MEMORY_JOBS; jobs += MEMORY_STEP) {
      await servers.queue.addAll(await servers.jobs.make(JOBWARDEN, jobs - MEMORY_STEP, MEMORY_STEP))
      await untilDone(servers.queue, worker)
      const { rssBytes } = await worker.report()
      const sample = { jobs, rssMiB: rssBytes / 2 ** 20 }
      samples.push(sample)
      onSample(sample)
    }
    return samples
  } finally {
    await worker.stop()
  }
}

/** Memory is flat if the second half of the run needs no more than the first half, whose first step still fills caches. */
export function memoryVerdict(samples: readonly MemorySample[]): { readonly flat: boolean; readonly growth: number } {
  const sizes = samples.map(({ rssMiB }) => rssMiB)
  const half = Math.floor(sizes.length / 2)
  const growth = median(sizes.slice(half)) / median(sizes.slice(1, half))
  return { flat: growth <= TOLERANCE, growth }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}
