import { EventEmitter, once } from 'node:events'

/** Remembers what a client says of its circuit: true when calls are suspended, false when they are taken up again. */
export class CircuitWatch {
  readonly changes: boolean[] = []
  readonly #events = new EventEmitter()

  /** For the client. */
  get option(): { readonly onCircuitChange: (open: boolean) => void } {
    return {
      onCircuitChange: (open) => {
        this.changes.push(open)
        this.#events.emit('change')
      },
    }
  }

  /** Resolves when the last change is that calls are taken up again. */
  async closed(): Promise<void> {
    while (this.changes.at(-1) !== false) await once(this.#events, 'change')
  }
}
