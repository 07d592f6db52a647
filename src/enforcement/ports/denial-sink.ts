import type { SpanContext } from '@opentelemetry/api'
import type { Denial } from '../../domain/denial.ts'

/** A denial on its way to the auditors, with the trace of the job that it belongs to. */
export type PublishedDenial = { readonly denial: Denial; readonly trace?: SpanContext | undefined }

/** Where denials go. Publishing one twice is the same as once: its id is its identity. */
export interface AuditSink {
  /** Resolves when all are on the audit queue. @throws Failure JW_AUDIT_UNAVAILABLE */
  publish(denials: readonly PublishedDenial[]): Promise<void>
}
