import type { Denial } from '../domain/denial.ts'

/** A denial of the ledger that the trail lacks, with the trace it belongs to. */
export type MissingDenial = { readonly denial: Denial; readonly traceId: string | undefined; readonly recordedAt: Date }

/** The append-only trail that auditors review. Its records are copies of the ledger's rows, never of what a queue says. */
export interface AuditTrail {
  /**
   * Appends the ledger's denials with these ids; appending one again changes nothing.
   * Returns the ids that are in the trail now. An id that is missing is not in the ledger: somebody made it up.
   * @throws Failure JW_STORE_UNAVAILABLE | JW_STORE_REJECTED
   */
  append(ids: readonly string[]): Promise<ReadonlySet<string>>

  /** The oldest denials, at most `limit`, that were recorded between the two times and are not in the trail. */
  missing(from: Date, to: Date, limit: number): Promise<readonly MissingDenial[]>
}
