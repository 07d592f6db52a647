/** The longest wait before the first retry, which doubles for each further one, up to `maxMs`. */
export type Backoff = { readonly baseMs: number; readonly maxMs: number }

/** How long to wait before a retry, counted from 0. Full jitter: those that failed together do not return together. */
export function backoffMs(retry: number, { baseMs, maxMs }: Backoff): number {
  return Math.random() * Math.min(maxMs, baseMs * 2 ** retry)
}
