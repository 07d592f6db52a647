import type { ColumnMasks } from '../../domain/column-masks.ts'
import type { Action, PolicyRequest, PatchValue, User, WhereValue } from '../../domain/command.ts'
import type { Outcome, Row } from '../../domain/outcome.ts'
import type { Reason } from '../../domain/reason.ts'
import type { RowFilter } from '../../domain/row-filter.ts'

/** A loaded resource: what policies see of it, what a read returns, and the version that guards its effect. */
export type LoadedResource = {
  readonly attributes: Readonly<Record<string, unknown>>
  readonly row: Row
  readonly version: string
}

/** Without `resourceId`, only an earlier outcome is looked for. */
export type LoadRequest = {
  readonly commandId: string
  readonly type: string
  readonly resourceId: string | undefined
}

export type Loaded = {
  /** The outcome that an earlier delivery of this command recorded, without the rows of a read. */
  readonly earlier?: { readonly commandDigest: string; readonly outcome: Outcome }
  readonly resource?: LoadedResource
}

/** An update or delete that applies only while the resource still has the version that was decided on. */
export type Effect =
  | { readonly kind: 'update'; readonly version: string; readonly patch: Readonly<Record<string, PatchValue>> }
  | { readonly kind: 'delete'; readonly version: string }

/** The part of a ledger row that comes from the command. */
export type CommandEntry = {
  readonly commandId: string
  /** SHA-256 of what the command asks for. */
  readonly commandDigest: string
  readonly producer: string
  readonly queue: string
  readonly user: User
  readonly action: Action
  readonly resourceType: string
  readonly resourceId: string | undefined
  /** Who asked to do what to which resource, as the policies were asked. It makes later explanations possible. */
  readonly request: PolicyRequest
  readonly issuedAt: string
  readonly expiresAt: string
  /** SHA-256 of the policy input; absent when the policies were not asked. */
  readonly inputDigest?: string | undefined
  readonly traceId?: string | undefined
}

/** The end of one command, which is recorded together with its effect or not at all. */
export type LedgerEntry = CommandEntry & { readonly outcome: Outcome; readonly effect?: Effect | undefined }

/** Which rows of a type to look at. They come in the order of their keys. */
export type CandidateRequest = {
  readonly type: string
  /** The producer's conditions, by attribute. */
  readonly where: Readonly<Record<string, WhereValue>>
  readonly filter: RowFilter
  /** Only rows whose key comes after this one. */
  readonly after?: string | undefined
  /** Only these keys. */
  readonly keys?: readonly string[] | undefined
  readonly limit: number
}

/** A row of a collection that is not decided yet. */
export type Candidate = {
  readonly key: string
  readonly version: string
  readonly attributes: Readonly<Record<string, unknown>>
}

/** A row that the policies allow, as it was when they did. */
export type DecidedRow = {
  readonly key: string
  readonly version: string
  /** The values that a read shows instead of those of some columns. */
  readonly masks?: ColumnMasks | undefined
}

/** What a command on a collection does to these rows, as they were when they were decided, and to no others. */
export type CollectionEntry = CommandEntry & {
  readonly rows: readonly DecidedRow[]
  /** The outcome without what the statement finds out: how many rows there were, and the rows of a read. */
  readonly outcome: CollectionOutcome
  /** Whether rows that have changed since are left out, and counted as undecided, instead of being decided again. */
  readonly leaveOutChanged: boolean
  readonly patch: Readonly<Record<string, PatchValue>> | undefined
}

export type CollectionOutcome = Omit<Extract<Outcome, { outcome: 'executed' }>, 'count' | 'rows'>

/**
 * The outcome of a command on a collection, without the rows of a read, which are in the ledger. Or the keys of rows that
 * have changed since they were decided, and then nothing was done. Or the command already has an outcome.
 */
export type CollectionEnd =
  | { readonly outcome: Outcome }
  | { readonly changed: readonly string[] }
  | { readonly recorded: true }

/** A job that could not be believed, so there is no command to record. */
export type Rejection = {
  /** `invalid.` and a SHA-256 of queue, job id and content, so that a redelivery is the same rejection. */
  readonly id: string
  readonly queue: string
  readonly jobId: string
  readonly reasons: readonly Reason[]
  readonly producer?: string | undefined
  readonly traceId?: string | undefined
}

/** The system of record, as the worker uses it. */
export interface CommandStore {
  /**
   * Loads the earlier outcomes and the resources of a batch in one query; answers in the order of the requests.
   * @throws Failure JW_STORE_UNAVAILABLE | JW_STORE_REJECTED
   */
  load(requests: readonly LoadRequest[]): Promise<readonly Loaded[]>

  /**
   * Applies each entry's guarded effect and records its outcome, all in one atomic statement.
   * Returns the ids that were recorded. An id that is missing had no effect: its guard did not hold,
   * or its outcome is recorded already.
   * @throws Failure JW_STORE_UNAVAILABLE | JW_STORE_REJECTED; then nothing was done
   */
  commit(entries: readonly LedgerEntry[], rejections: readonly Rejection[]): Promise<ReadonlySet<string>>

  /** Rows of a collection that are not decided yet, in the order of their keys. @throws the failures of `load` */
  candidates(request: CandidateRequest): Promise<readonly Candidate[]>

  /**
   * Reads, updates or deletes the rows of a collection that were allowed, each only while it has the version that was
   * decided on, and records the outcome, in one atomic statement.
   * @throws Failure JW_STORE_UNAVAILABLE | JW_STORE_REJECTED; then nothing was done
   */
  commitCollection(entry: CollectionEntry): Promise<CollectionEnd>
}
