import { Failure } from '../domain/failure.ts'

/** Whether one item of a batch may have caused the failure of all. */
export function mayBePoison(error: unknown): error is Failure {
  return error instanceof Failure && error.mayBePoison
}

/**
 * Finds out whether the PDP is to blame for a failure, by asking it about nothing at all.
 * @throws `failure` when that fails too
 */
export async function blamePdp(failure: Failure, askNothing: () => Promise<unknown>): Promise<void> {
  try {
    await askNothing()
  } catch (error) {
    throw mayBePoison(error) ? failure : error
  }
}

/** Asks about a batch, and about parts of it when one item may make it fail. `control`: see `splitBatch`. */
export async function askOrSplit<Id, Item, Answer>(
  batch: ReadonlyMap<Id, Item>,
  ask: (part: ReadonlyMap<Id, Item>) => Promise<ReadonlyMap<Id, Answer>>,
  control: readonly [Id, Item],
): Promise<ReadonlyMap<Id, Answer | Failure>> {
  try {
    return await ask(batch)
  } catch (error) {
    if (!mayBePoison(error)) throw error
    return splitBatch(batch, error, ask, control)
  }
}

/**
 * Halves a batch that failed as a whole until the items that make it fail stand alone: they get JW_PDP_POISON, the
 * others their answers. `control` is an item that should never fail. When neither it nor any item of the batch gets an
 * answer, nobody can tell whose fault it is, and all get `failure` itself.
 * @throws `failure` when the PDP does not answer the empty batch either, so that the fault is the PDP's
 */
export async function splitBatch<Id, Item, Answer>(
  batch: ReadonlyMap<Id, Item>,
  failure: Failure,
  ask: (part: ReadonlyMap<Id, Item>) => Promise<ReadonlyMap<Id, Answer>>,
  control: readonly [Id, Item],
): Promise<ReadonlyMap<Id, Answer | Failure>> {
  const results = new Map<Id, Answer | Failure>()
  let answered = false
  let mayAsk = 2 * Math.ceil(Math.log2(batch.size)) + 2

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
    if (!answered && mayAsk === 0) return
    mayAsk -= 1
    try {
      for (const [id, answer] of await ask(new Map(part))) results.set(id, answer)
      answered = true
    } catch (error) {
      if (!mayBePoison(error)) throw error
      await divide(part, error)
    }
  }

  await blamePdp(failure, () => ask(new Map()))
  answered = await isAnswered(() => ask(new Map([control])))
  await divide([...batch], failure)
  return answered ? results : new Map([...batch.keys()].map((id) => [id, failure]))
}

/** @throws the failure that says that the PDP is down */
async function isAnswered(ask: () => Promise<unknown>): Promise<boolean> {
  try {
    await ask()
    return true
  } catch (error) {
    if (mayBePoison(error)) return false
    throw error
  }
}
