import { Failure, toFailure } from '../domain/failure.ts'

/**
 * Runs a batch; when it fails as a whole through the fault of a job, runs its halves, until that job stands alone.
 * A failure that is nobody's fault (a server down) fails the batch at once: every half would meet it again.
 */
export async function isolateFailures<Item, Result>(
  items: readonly Item[],
  run: (items: readonly Item[]) => Promise<readonly Result[]>,
): Promise<readonly (Result | Failure)[]> {
  try {
    return await run(items)
  } catch (error) {
    const failure = toFailure(error)
    if (failure.disposition !== 'attempt') throw failure
    if (items.length < 2) return items.map(() => failure)
    const middle = Math.ceil(items.length / 2)
    const first = await isolateFailures(items.slice(0, middle), run)
    return [...first, ...(await isolateFailures(items.slice(middle), run))]
  }
}
