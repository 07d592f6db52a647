/**
 * What a process has opened, closed in the reverse order. `AsyncDisposableStack` is the standard's word for it; Node has that
 * from 24 on, and packages run under 22 as well.
 */
export class Opened implements AsyncDisposable {
  #closers: (() => unknown)[] = []

  /** Closes something by its own `Symbol.asyncDispose`. */
  use<Resource extends AsyncDisposable>(resource: Resource): Resource {
    return this.adopt(resource, (own) => own[Symbol.asyncDispose]())
  }

  adopt<Resource>(resource: Resource, close: (resource: Resource) => unknown): Resource {
    this.defer(() => close(resource))
    return resource
  }

  defer(close: () => unknown): void {
    this.#closers.push(close)
  }

  /** Hands everything over: this one closes nothing any more. */
  move(): Opened {
    const moved = new Opened()
    moved.#closers = this.#closers
    this.#closers = []
    return moved
  }

  /** @throws what the first close that failed has thrown, after the others were closed */
  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = []
    for (let close = this.#closers.pop(); close !== undefined; close = this.#closers.pop()) {
      try {
        // One after the other: what was opened later may need what was opened before.
        await close()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  }
}
