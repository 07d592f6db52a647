import type { ColumnMasks } from './column-masks.ts'
import type { Action, ResourceById, User } from './command.ts'
import type { Reason } from './reason.ts'

/** What the policies see of one resource: its type, its id and its declared attributes (none when it does not exist). */
export type ResourceInput = { readonly type: string; readonly id: string } & Readonly<Record<string, unknown>>

/** Who asks for what. `producer` signed the command; it is absent when somebody only asks what the policies would say. */
export type Asking = { readonly user: User; readonly action: Action; readonly producer?: string | undefined }

/** The article's policy input, one per command, together with the producer. */
export type DecisionRequest = Asking & { readonly resource: ResourceInput }

/** What the policies see of a request. Decisions, rows of collections and explanations all use this. */
export function policyInput(
  { user, action, producer }: Asking,
  { type, id }: ResourceById,
  attributes: Readonly<Record<string, unknown>> = {},
): DecisionRequest {
  return { user, action, ...(producer !== undefined && { producer }), resource: { ...attributes, type, id } }
}

/** Whether a revision names one state of the policies. "unversioned" may be any, so nothing may be cached by it. */
export function isVersioned(policyRevision: string): boolean {
  return !policyRevision.split('+').includes('unversioned')
}

/** The answer of the policies to one request. There is no third value: anything else is a Failure. */
export type Decision =
  | { readonly effect: 'allow'; readonly masks?: ColumnMasks | undefined; readonly policyRevision: string }
  | { readonly effect: 'deny'; readonly reasons: readonly [Reason, ...Reason[]]; readonly policyRevision: string }
