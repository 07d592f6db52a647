import { setTimeout as delay } from 'node:timers/promises'
import { type Backoff, backoffMs } from '../domain/backoff.ts'

export type RetryOptions = Backoff & { readonly maxRetries: number }

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
