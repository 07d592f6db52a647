import { type Failure, toFailure } from '../../src/domain/failure.ts'
import type { Logger } from '../../src/telemetry/logger.ts'
import { UNOBSERVED } from '../../src/telemetry/observe-all.ts'
import type { Disagreement, Observer } from '../../src/enforcement/ports/observer.ts'

/** An outage delays every job at once and would drown the log: those lines are for debugging. */
export function logFailure(log: Logger, jobId: string, { code, disposition, message }: Failure): void {
  const level = disposition === 'delay' ? 'debug' : 'warn'
  log[level]({ jobId, code, disposition }, message)
}

/** Says what keeps a whole batch from being settled, once for all of its jobs. */
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
 * Makes it visible where filters let rows through that decisions deny. Expected of a filter that leaves conditions out:
 * it costs time, so it is told at `info`. Any other filter should have known better: that is told at `warn`.
 */
export class Disagreements implements Observer {
  readonly batch = UNOBSERVED.batch
  readonly #log: Logger
  #rows = 0

  constructor(log: Logger) {
    this.#log = log
  }

  /** Rows so far. */
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
