import { type Failure, toFailure } from '../../src/domain/failure.ts'
import type { Logger } from '../../src/telemetry/logger.ts'

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
