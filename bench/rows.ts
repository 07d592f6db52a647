import { KEEP_ALIVE } from './workers/worker-report.ts'

/** What the process of a worker must know about the servers. */
export type ServersEnv = { readonly jobwarden: Readonly<Record<string, string>>; readonly traceSinkUrl: string }

/** One kind of worker that the bench compares. */
export type Row = {
  readonly name: string
  /** The entry file of the worker's process. */
  readonly worker: 'raw' | 'jobwarden' | 'article'
  /** Share of the jobs whose trace the producer recorded; undefined when nothing is traced. */
  readonly traced?: number
  /** Further settings of the worker, besides the servers. */
  readonly settings?: Readonly<Record<string, string>>
}

/** The rows of which the project makes promises. */
const COMPARED: ReadonlySet<string> = new Set(['raw', 'jobwarden', 'article'])

/** Whether the project makes a promise about the row. */
export function isCompared({ name }: { readonly name: string }): boolean {
  return COMPARED.has(name)
}

export const ROWS: readonly Row[] = [
  { name: 'raw', worker: 'raw' },
  { name: 'jobwarden', worker: 'jobwarden' },
  { name: 'article', worker: 'article' },
  { name: 'article, kept alive', worker: 'article', settings: { [KEEP_ALIVE]: 'yes' } },
  { name: 'jobwarden, 5% traced', worker: 'jobwarden', traced: 0.05 },
  { name: 'jobwarden, all traced', worker: 'jobwarden', traced: 1 },
  { name: 'jobwarden, cached', worker: 'jobwarden', settings: { JOBWARDEN_DECISION_CACHE_TTL_MS: '60000' } },
]

/** The row of a long run. */
export const JOBWARDEN: Row = { name: 'jobwarden', worker: 'jobwarden' }

/** The environment of the worker of a row. Tracing uses the standard OTEL_* variables, as in production. */
export function environmentOf({ traced, settings }: Row, servers: ServersEnv): Readonly<Record<string, string>> {
  const jobwarden = { ...servers.jobwarden, ...settings }
  if (traced === undefined) return jobwarden
  return {
    ...jobwarden,
    OTEL_SERVICE_NAME: 'bench',
    OTEL_TRACES_EXPORTER: 'otlp',
    OTEL_METRICS_EXPORTER: 'none',
    OTEL_LOGS_EXPORTER: 'none',
    OTEL_EXPORTER_OTLP_ENDPOINT: servers.traceSinkUrl,
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: String(traced),
  }
}
