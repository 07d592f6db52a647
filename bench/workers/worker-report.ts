import { z } from 'zod'

/** The environment variable that tells a worker's process how many jobs are its warm-up. */
export const WARM_UP = 'BENCH_WARM_UP'

/** The environment variable that has the article's worker keep its connections to OPA. */
export const KEEP_ALIVE = 'BENCH_KEEP_ALIVE'

/** What the bench says to a worker's process. */
export const WorkerRequest = z.enum(['report', 'stop'])
export type WorkerRequest = z.infer<typeof WorkerRequest>

/** What a worker's process says of itself, on its own and when it is asked. */
export const WorkerMessage = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('ready') }),
  z.strictObject({
    kind: z.literal('report'),
    /** When it had taken its warm-up jobs, in Unix milliseconds; 0 when it took none after them. */
    startedAt: z.number(),
    /** User and system time of the whole process since then. */
    cpuMicros: z.number(),
    rssBytes: z.number(),
    /** How many jobs it denied, where the worker counts them itself. */
    denied: z.number(),
  }),
])
export type WorkerMessage = z.infer<typeof WorkerMessage>
export type WorkerReport = Extract<WorkerMessage, { kind: 'report' }>
