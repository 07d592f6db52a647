import { AGAIN, type Again } from '../enforcement/ports/delivery.ts'

type Waiting<Item, Result> = {
  readonly item: Item
  readonly resolve: (result: Result) => void
  readonly reject: (reason: unknown) => void
}

export type BatcherOptions = {
  /** At most this many items a batch. */
  readonly maxSize: number
  /** At most this many batches in flight. */
  readonly maxInFlight: number
}

/**
 * Gathers items that arrive one by one into batches and gives each item its own result.
 *
 * A batch closes when nothing is in flight, or when it is half full and another may fly beside the others: a waiting
 * item never waits for a clock, only for a batch before it. So an idle pipeline adds no latency, and in a busy one
 * batches fill up by themselves and overlap. Waiting until they are full would let them follow one another instead.
 */
export class Batcher<Item, Result> {
  readonly #run: (items: readonly Item[]) => Promise<readonly (Result | Again)[]>
  readonly #options: BatcherOptions
  /** Invariant: whenever no batch is in flight and this is not empty, a flush is scheduled. */
  #waiting: Waiting<Item, Result>[] = []
  #inFlight = 0
  #flushScheduled = false

  /**
   * `run` answers in the order of its items, with a result or with AGAIN for one that a later batch must take; when it
   * throws, every item of that batch gets the error.
   */
  constructor(run: (items: readonly Item[]) => Promise<readonly (Result | Again)[]>, options: BatcherOptions) {
    this.#run = run
    this.#options = options
  }

  submit(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject })
      this.#schedule()
    })
  }

  /** Items submitted within one turn of the event loop belong together, hence `setImmediate` and not at once. */
  #schedule(): void {
    if (this.#flushScheduled) return
    this.#flushScheduled = true
    setImmediate(() => {
      this.#flushScheduled = false
      this.#flush()
    })
  }

  #flush(): void {
    const { maxSize, maxInFlight } = this.#options
    while (this.#waiting.length > 0 && this.#inFlight < maxInFlight) {
      if (this.#inFlight > 0 && this.#waiting.length < maxSize / 2) return
      void this.#runBatch(this.#waiting.splice(0, maxSize))
    }
  }

  async #runBatch(batch: readonly Waiting<Item, Result>[]): Promise<void> {
    this.#inFlight += 1
    try {
      const results = await this.#run(batch.map(({ item }) => item))
      const again: Waiting<Item, Result>[] = []
      for (const [index, waiting] of batch.entries()) {
        const result = results[index]
        if (result === undefined)
          waiting.reject(new Error(`the batch answered ${results.length} of ${batch.length} items`))
        else if (result === AGAIN) again.push(waiting)
        else waiting.resolve(result)
      }
      this.#waiting.unshift(...again)
    } catch (error) {
      for (const { reject } of batch) reject(error)
    } finally {
      this.#inFlight -= 1
      this.#schedule()
    }
  }
}
