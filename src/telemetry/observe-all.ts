import type { Observer } from '../enforcement/ports/observer.ts'

/** Several observers as one: each sees every batch and every step. The first one is outermost. */
export function observeAll(observers: readonly Observer[]): Observer {
  return observers.reduceRight(inside, UNOBSERVED)
}

function inside(inner: Observer, outer: Observer): Observer {
  return {
    batch: (deliveries, run) =>
      outer.batch(deliveries, (outerStep) =>
        inner.batch(deliveries, (innerStep) =>
          run((name, participants, step) => outerStep(name, participants, () => innerStep(name, participants, step))),
        ),
      ),
    disagreement: (seen) => {
      outer.disagreement(seen)
      inner.disagreement(seen)
    },
  }
}

/** Sees nothing. */
export const UNOBSERVED: Observer = {
  batch: (_deliveries, run) => run((_name, _participants, step) => step()),
  disagreement: () => undefined,
}

/** Collects the number of jobs of each batch in `sizes`. */
export function countingBatches(sizes: number[]): Observer {
  return {
    ...UNOBSERVED,
    batch: (deliveries, run) => {
      sizes.push(deliveries.length)
      return UNOBSERVED.batch(deliveries, run)
    },
  }
}
