import { setTimeout as delay } from 'node:timers/promises'

export type RetryOptions = {
  /** The delay before the first retry; each further one doubles, up to `maxMs`. */
  readonly baseMs: number
  readonly maxMs: number
  readonly maxRetries: number
}

/** Full jitter: workers that failed together do not come back together. */
export function backoffMs(retry: number, { baseMs, maxMs }: RetryOptions): number {
  return Math.random() * Math.min(maxMs, baseMs * 2 ** retry)
}

/**
 * Runs `call` until it succeeds, fails for good, or the signal's deadline passes.
 * The deadline covers all tries together: retrying never makes a caller wait longer.
 */
export async function retrying<Result>(
  call: () => Promise<Result>,
  isTransient: (error: unknown) => boolean,
  options: RetryOptions,
  signal: AbortSignal,
): Promise<Result> {
  for (let retry = 0; ; retry++) {
    try {
      return await call()
    } catch (error) {
      if (retry >= options.maxRetries || signal.aborted || !isTransient(error)) throw error
      try {
        await delay(backoffMs(retry, options), undefined, { signal })
      } catch {
        throw error // The deadline passed while waiting: the call's own error says more than the abort.
      }
    }
  }
}
