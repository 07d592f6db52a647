import { Failure, toFailure } from '../domain/failure.ts'

/**
 * Runs a batch. If one job makes the whole batch fail, it runs the halves of the batch, until that job stands alone.
 * A failure that is no job's fault, such as a server that is down, fails the batch at once: each half would fail as well.
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
