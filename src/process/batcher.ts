import { AGAIN, type Again } from '../enforcement/ports/delivery.ts'

type Waiting<Item, Result> = {
  readonly item: Item
  readonly resolve: (result: Result) => void
  readonly reject: (reason: unknown) => void
}

export type BatcherOptions = {
  /** At most this many items in a batch. */
  readonly maxSize: number
  /** At most this many batches in flight at a time. */
  readonly maxInFlight: number
}

/**
 * Gathers items that arrive one by one into batches and gives each item its own result.
 *
 * A batch closes when nothing is in flight, or when it is half full and one more may be in flight. So an item never waits
 * for a clock, only for a batch before it: an idle pipeline adds no latency, and in a busy one batches fill up by
 * themselves and overlap. If they waited until they were full, they would run one after the other.
 */
export class Batcher<Item, Result> {
  readonly #run: (items: readonly Item[]) => Promise<readonly (Result | Again)[]>
  readonly #options: BatcherOptions
  /** Invariant: whenever no batch is in flight and this is not empty, a flush is scheduled. */
  #waiting: Waiting<Item, Result>[] = []
  #inFlight = 0
  #flushScheduled = false

  /**
   * `run` answers in the order of its items, with a result, or with AGAIN for an item that a later batch must take. If it
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

  /** Items that are submitted in one turn of the event loop belong together, so it does not flush before the next one. */
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
