import type { SpanContext } from '@opentelemetry/api'
import type { Denial } from '../../domain/denial.ts'

/** A denial for the auditors, with the trace of its job. */
export type PublishedDenial = { readonly denial: Denial; readonly trace?: SpanContext | undefined }

/** Where denials go. Publishing one twice is the same as once, because its id identifies it. */
export interface AuditSink {
  /** Resolves when all are on the audit queue. @throws Failure JW_AUDIT_UNAVAILABLE */
  publish(denials: readonly PublishedDenial[]): Promise<void>
}
