import type { Activation } from '../domain/activation.ts'

/** The part of the audit trail that tells which policies took effect. */
export interface ActivationTrail {
  /**
   * Appends the first sighting of each release; later ones of the same release change nothing, nor does appending again.
   * Returns how many records are new.
   * @throws Failure JW_STORE_UNAVAILABLE | JW_STORE_REJECTED
   */
  append(activations: readonly Activation[]): Promise<number>
}
