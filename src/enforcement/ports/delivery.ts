import type { SpanContext } from '@opentelemetry/api'

/** A job as the queue hands it over. Nothing in it is believed before `admit`. */
export type Delivery = {
  readonly queue: string
  readonly jobId: string
  readonly jobName: string
  readonly data: unknown
  /** The span under which the queue delivered it, when the trace is recorded. */
  readonly trace?: SpanContext | undefined
}

/** The answer of a batch for a job that a later batch must take: the job goes back to the head of the line. */
export const AGAIN = Symbol('again')
export type Again = typeof AGAIN
