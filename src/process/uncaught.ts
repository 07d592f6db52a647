import { toFailure } from '../domain/failure.ts'
import { say } from './terminal.ts'

/**
 * Prints errors that nobody has caught, and ends the process with `status`. Node itself would print every property of an
 * error: those of ioredis hold the arguments of AUTH, and those of an invalid URL its text.
 */
export function endOnUncaught(status: number): void {
  process.on('uncaughtException', (error) => {
    const failure = toFailure(error)
    say(`${failure.message}\n${framesOf(error)}`)
    process.exit(status)
  })
}

/** Where the error was thrown, without its message. */
function framesOf({ stack = '' }: Error): string {
  return stack
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .join('\n')
}
