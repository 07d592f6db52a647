import { Failure } from '../domain/failure.ts'

/** Failures that one item of a batch may cause for all of them. */
export function mayBePoison(error: unknown): error is Failure {
  return error instanceof Failure && (error.code === 'JW_PDP_SERVER_ERROR' || error.code === 'JW_PDP_BAD_RESPONSE')
}

/**
 * Halves a batch that failed as a whole until the items that make it fail stand alone: they get JW_PDP_POISON, the
 * others their answers. When not even a single item gets an answer, the PDP is at fault and `failure` is thrown.
 */
export async function splitBatch<Id, Item, Answer>(
  batch: ReadonlyMap<Id, Item>,
  failure: Failure,
  ask: (part: ReadonlyMap<Id, Item>) => Promise<ReadonlyMap<Id, Answer>>,
): Promise<ReadonlyMap<Id, Answer | Failure>> {
  const results = new Map<Id, Answer | Failure>()
  let answered = false
  let asked = 0
  const mayAsk = Math.ceil(Math.log2(batch.size)) + 2

  async function divide(part: readonly (readonly [Id, Item])[], why: Failure): Promise<void> {
    const [only] = part
    if (part.length === 1 && only !== undefined) {
      results.set(only[0], new Failure('JW_PDP_POISON', why.message, { cause: why }))
      return
    }
    const middle = Math.ceil(part.length / 2)
    for (const half of [part.slice(0, middle), part.slice(middle)]) await conquer(half)
  }

  async function conquer(part: readonly (readonly [Id, Item])[]): Promise<void> {
    try {
      for (const [id, answer] of await ask(new Map(part))) results.set(id, answer)
      answered = true
    } catch (error) {
      asked += 1
      if (!mayBePoison(error)) throw error
      if (!answered && asked >= mayAsk) throw failure
      await divide(part, error)
    }
  }

  if (batch.size < 2) throw failure
  await divide([...batch], failure)
  if (!answered) throw failure
  return results
}
