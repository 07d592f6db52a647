import type { Activation } from '../domain/activation.ts'
import type { ActivationTrail } from './activation-trail.ts'

/** A bundle server, as the auditor asks it. */
export interface ActivationSource {
  environments(): Promise<readonly string[]>
  /** Those from the n-th on; `next` is where the following page begins, `after` itself at the end. */
  activations(
    environment: string,
    after: number,
  ): Promise<{ readonly activations: readonly Activation[]; readonly next: number }>
}

/** Copies to the trail which policies sidecars were seen to run. */
export class ActivationCopy {
  readonly #source: ActivationSource
  readonly #trail: ActivationTrail
  /** What is before is in the trail. A new process starts from the beginning, once. */
  readonly #copied = new Map<string, number>()

  constructor(source: ActivationSource, trail: ActivationTrail) {
    this.#source = source
    this.#trail = trail
  }

  /** Copies what is new in every environment and returns how many records that made. @throws Failure of either side */
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
