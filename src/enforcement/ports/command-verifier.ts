import type { ProducerLimits } from '../../domain/producer-limits.ts'
import type { Reason } from '../../domain/reason.ts'

/** The signed bytes of a command, the producer that signed them and what it may do; or why they cannot be believed. */
export type Verification =
  | { readonly payload: string; readonly producer: string; readonly limits: ProducerLimits }
  | { readonly refused: Reason }

/** Verifies the compact JWS that a job carries. Unsigned is never accepted. */
export interface CommandVerifier {
  verify(jws: string): Promise<Verification>
}
