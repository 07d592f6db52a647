/**
 * Closes what a process has opened, in the reverse order. It stands in for the standard's `AsyncDisposableStack`, which Node
 * has from 24 on: the package also runs under 22.
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

  /** Hands everything over to a new object. This one then closes nothing. */
  move(): Opened {
    const moved = new Opened()
    moved.#closers = this.#closers
    this.#closers = []
    return moved
  }

  /** @throws the error of the first close that failed, after the others were closed */
  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = []
    for (let close = this.#closers.pop(); close !== undefined; close = this.#closers.pop()) {
      try {
        // They are closed one after the other, because what was opened later may need what was opened before.
        await close()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  }
}
