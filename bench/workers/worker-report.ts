import { z } from 'zod'

/** The environment variable with the number of warm-up jobs. */
export const WARM_UP = 'BENCH_WARM_UP'

/** The environment variable that makes the article's worker keep its connections to OPA. */
export const KEEP_ALIVE = 'BENCH_KEEP_ALIVE'

/** What the bench asks of a worker's process. */
export const WorkerRequest = z.enum(['report', 'stop'])
export type WorkerRequest = z.infer<typeof WorkerRequest>

/** What a worker's process sends, by itself or on request. */
export const WorkerMessage = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('ready') }),
  z.strictObject({
    kind: z.literal('report'),
    /** When it had taken its warm-up jobs, in Unix milliseconds; 0 if it took no jobs after them. */
    startedAt: z.number(),
    /** User and system time of the whole process since then. */
    cpuMicros: z.number(),
    rssBytes: z.number(),
    /** How many jobs it denied, if the worker counts them itself. */
    denied: z.number(),
  }),
])
export type WorkerMessage = z.infer<typeof WorkerMessage>
export type WorkerReport = Extract<WorkerMessage, { kind: 'report' }>
