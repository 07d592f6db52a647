import { Failure, toFailure } from '../domain/failure.ts'
import type { Logger } from '../telemetry/logger.ts'
import { say } from './terminal.ts'

/** Something that a process runs until it is closed. */
export type Running = {
  close(): Promise<void>
  /** Resolves when it turns out that the process cannot work. */
  readonly broken?: Promise<Failure>
}

/**
 * Starts a worker, keeps it running until SIGTERM or SIGINT, and then closes it within `graceMs`.
 * Exit status: 0 stopped gracefully, 1 failed to start, cannot work or did not stop in time.
 * A signal during the start takes effect after it. A second signal ends the process at once. SIGPIPE is not handled here:
 * a log reader that goes away must not stop the work.
 */
export async function runProcess(log: Logger, graceMs: number, start: () => Promise<Running>): Promise<void> {
  const signal = new Promise<string>((resolve) => {
    process.once('SIGTERM', resolve)
    process.once('SIGINT', resolve)
  })
  let running: Running
  try {
    running = await start()
  } catch (error) {
    log.fatal({ err: toFailure(error) }, 'did not start')
    process.exitCode = 1
    return
  }
  const end = await Promise.race([signal, ...(running.broken === undefined ? [] : [running.broken])])
  if (end instanceof Failure) {
    log.fatal({ err: end }, 'cannot work')
    process.exitCode = 1
  } else log.info({ signal: end }, 'stopping')
  const deadline = setTimeout(() => {
    log.error({ graceMs }, 'did not stop in time; jobs under way go to another worker when their locks expire')
    process.exit(1)
  }, graceMs)
  deadline.unref()
  await running.close()
  clearTimeout(deadline)
  log.info('stopped')
}

/** Prints what keeps a process from starting, for people, and sets the exit status. */
export function refuseToStart(error: unknown): void {
  say(toFailure(error).message)
  process.exitCode = 1
}
