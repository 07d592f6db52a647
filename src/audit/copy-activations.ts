import type { Activation } from '../domain/activation.ts'
import type { ActivationTrail } from './activation-trail.ts'

/** A bundle server, as the auditor asks it. */
export interface ActivationSource {
  environments(): Promise<readonly string[]>
  /** A page of activations after the first `after` ones. `next` is where the next page begins; at the end it is `after`. */
  activations(
    environment: string,
    after: number,
  ): Promise<{ readonly activations: readonly Activation[]; readonly next: number }>
}

/** Copies into the trail which policies sidecars were seen to run. */
export class ActivationCopy {
  readonly #source: ActivationSource
  readonly #trail: ActivationTrail
  /** How many activations of an environment are in the trail. A new process starts from the beginning, once. */
  readonly #copied = new Map<string, number>()

  constructor(source: ActivationSource, trail: ActivationTrail) {
    this.#source = source
    this.#trail = trail
  }

  /** Copies new activations of every environment, and returns how many records are new. @throws Failure of either side */
  async copy(): Promise<number> {
    let records = 0
    for (const environment of await this.#source.environments())
      for (;;) {
        const after = this.#copied.get(environment) ?? 0
        const { activations, next } = await this.#source.activations(environment, after)
        if (activations.length === 0) break
        records += await this.#trail.append(activations)
        this.#copied.set(environment, next)
      }
    return records
  }
}
