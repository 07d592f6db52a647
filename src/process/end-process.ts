import type { Writable } from 'node:stream'

/**
 * Ends the process with its current exit status. It closes nothing: the socket of a server or a collector that is gone
 * would keep the process alive until its own timeout.
 * @param lastly - runs before the end; it must not throw and must take a bounded time
 */
export async function endProcess(lastly: () => Promise<void> = async () => undefined): Promise<never> {
  await lastly()
  await Promise.all([written(process.stdout), written(process.stderr)])
  process.exit()
}

/** Resolves once everything is written, or the reader is gone. */
function written(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => resolve())
  })
}

/** Ends a command line quietly, with its current status, when its reader goes away, as in `jobwarden denials | head`. */
export function endWithReader(): void {
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
      process.exit()
    })
}
