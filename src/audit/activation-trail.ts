import type { Activation } from '../domain/activation.ts'

/** The part of the audit trail that records which policies took effect. */
export interface ActivationTrail {
  /**
   * Appends the first activation of each release. Later ones of the same release change nothing, and appending one again
   * changes nothing either.
   * Returns how many records are new.
   * @throws Failure JW_STORE_UNAVAILABLE | JW_STORE_REJECTED
   */
  append(activations: readonly Activation[]): Promise<number>
}
