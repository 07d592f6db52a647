import type { Reason } from '../../domain/reason.ts'

/** The signed bytes of a command and the producer that signed them, or why they cannot be believed. */
export type Verification = { readonly payload: string; readonly producer: string } | { readonly refused: Reason }

/** Verifies the compact JWS that a job carries. Unsigned is never accepted. */
export interface CommandVerifier {
  verify(jws: string): Promise<Verification>
}
