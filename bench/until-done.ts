import { setTimeout as pause } from 'node:timers/promises'
import type { BenchQueue } from './bench-queue.ts'
import type { WorkerProcess } from './worker-process.ts'

const POLL_MS = 50
const STUCK_AFTER_MS = 60_000

/**
 * Waits until every job of the queue has ended. Polling does not affect the result, whose end is read from events.
 * @throws Error when the worker ends, a job fails, or nothing happens for a minute
 */
export async function untilDone(
  queue: BenchQueue,
  worker: Pick<WorkerProcess, 'ended'>,
  onProgress: (unfinished: number) => void = () => undefined,
): Promise<void> {
  let left = Number.POSITIVE_INFINITY
  let movedAt = Date.now()
  for (;;) {
    const unfinished = await Promise.race([queue.unfinished(), worker.ended])
    if (unfinished === 0) return
    if (unfinished < left) {
      left = unfinished
      movedAt = Date.now()
      onProgress(unfinished)
    }
    if (Date.now() - movedAt > STUCK_AFTER_MS) throw new Error(`${unfinished} jobs have not ended`)
    await pause(POLL_MS)
  }
}
