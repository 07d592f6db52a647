import type { Observer } from '../enforcement/ports/observer.ts'

/** Several observers as one: each sees every batch and every step, the first of them outermost. */
export function observeAll(observers: readonly Observer[]): Observer {
  return {
    batch: (deliveries, run) => {
      const nested = observers.reduceRight<typeof run>(
        (inner, observer) => (outer) =>
          observer.batch(deliveries, (own) =>
            inner((name, participants, step) => outer(name, participants, () => own(name, participants, step))),
          ),
        run,
      )
      return nested((_name, _participants, step) => step())
    },
    disagreement: (seen) => {
      for (const observer of observers) observer.disagreement(seen)
    },
  }
}

/** Sees nothing. */
export const UNOBSERVED: Observer = {
  batch: (_deliveries, run) => run((_name, _participants, step) => step()),
  disagreement: () => undefined,
}

/** Notes how many jobs each batch has. */
export function countingBatches(sizes: number[]): Observer {
  return {
    ...UNOBSERVED,
    batch: (deliveries, run) => {
      sizes.push(deliveries.length)
      return UNOBSERVED.batch(deliveries, run)
    },
  }
}
