import type { Writable } from 'node:stream'

/**
 * Ends the process with the exit status that it has. What is still open is left: the socket of a server or a collector
 * that is gone would keep the process for as long as its own timeout.
 * @param lastly - what has to happen before; it must not throw and must take a bounded time
 */
export async function endProcess(lastly: () => Promise<void> = async () => undefined): Promise<never> {
  await lastly()
  await Promise.all([written(process.stdout), written(process.stderr)])
  process.exit()
}

/** Resolves once all is written, or the reader is gone. */
function written(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => resolve())
  })
}

/** Ends a command line quietly, with the status that it has, when its reader goes away: `jobwarden denials | head`. */
export function endWithReader(): void {
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
      process.exit()
    })
}
