import type { ColumnMasks } from './column-masks.ts'
import type { Action, ResourceById, User } from './command.ts'
import type { Reason } from './reason.ts'

/** What the policies see of one resource: its type, its id and its declared attributes (none when it does not exist). */
export type ResourceInput = { readonly type: string; readonly id: string } & Readonly<Record<string, unknown>>

/** Who asks for what. `producer` signed the command; it is absent where somebody only asks what policies would say. */
export type Asking = { readonly user: User; readonly action: Action; readonly producer?: string | undefined }

/** The article's policy input, one per command, with the producer besides. */
export type DecisionRequest = Asking & { readonly resource: ResourceInput }

/** What the policies see of a request: the same for a decision, for each row of a collection and for an explanation. */
export function policyInput(
  { user, action, producer }: Asking,
  { type, id }: ResourceById,
  attributes: Readonly<Record<string, unknown>> = {},
): DecisionRequest {
  return { user, action, ...(producer !== undefined && { producer }), resource: { ...attributes, type, id } }
}

/** Whether a revision names one state of the policies. "unversioned" is any: nothing may be remembered by it. */
export function isVersioned(policyRevision: string): boolean {
  return !policyRevision.split('+').includes('unversioned')
}

/** The answer of the policies to one request. No third value: whatever is neither is a Failure. */
export type Decision =
  | { readonly effect: 'allow'; readonly masks?: ColumnMasks | undefined; readonly policyRevision: string }
  | { readonly effect: 'deny'; readonly reasons: readonly [Reason, ...Reason[]]; readonly policyRevision: string }
