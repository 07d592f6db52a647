import { type Failure, toFailure } from '../../src/domain/failure.ts'
import type { Logger } from '../../src/telemetry/logger.ts'
import { UNOBSERVED } from '../../src/telemetry/observe-all.ts'
import type { Disagreement, Observer } from '../../src/enforcement/ports/observer.ts'

/** Logs the failure of one job. An outage delays every job at once and would flood the log, so it is logged at `debug`. */
export function logFailure(log: Logger, jobId: string, { code, disposition, message }: Failure): void {
  const level = disposition === 'delay' ? 'debug' : 'warn'
  log[level]({ jobId, code, disposition }, message)
}

/** Runs a batch. What keeps the whole batch from being settled is logged once, and not for each of its jobs. */
export async function loggingOutages<Result>(log: Logger, jobs: number, run: () => Promise<Result>): Promise<Result> {
  try {
    return await run()
  } catch (error) {
    const { code, message } = toFailure(error)
    log.warn({ code, jobs }, message)
    throw error
  }
}

/**
 * Logs when a filter lets rows through that the decisions deny. A filter that leaves conditions out is expected to: that
 * costs time, and is logged at `info`. Any other filter should have excluded those rows: that is logged at `warn`.
 */
export class Disagreements implements Observer {
  readonly batch = UNOBSERVED.batch
  readonly #log: Logger
  #rows = 0

  constructor(log: Logger) {
    this.#log = log
  }

  /** How many such rows there were so far. */
  get rows(): number {
    return this.#rows
  }

  disagreement({ type, action, policyRevision, rows, widened }: Disagreement): void {
    this.#rows += rows
    const seen = { type, action, policyRevision, rows, ...(widened.length > 0 && { widened }) }
    if (widened.length > 0) this.#log.info(seen, 'the filter left conditions out: rows it let through were denied')
    else this.#log.warn(seen, 'the filter let rows through that the policies deny')
  }
}
