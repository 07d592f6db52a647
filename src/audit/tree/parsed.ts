import type { Reason } from '../../domain/reason.ts'

/** What a text or some bytes say, or why they are refused. */
export type Parsed<Value> = { readonly value: Value } | { readonly refused: Reason }

/** A refusal, with a stable code for programs and a sentence for people. */
export function refuse(code: string, message: string): { readonly refused: Reason } {
  return { refused: { code, message } }
}
