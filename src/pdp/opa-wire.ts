import { z } from 'zod'
import { ColumnMaskRules } from '../domain/column-masks.ts'
import { Reason } from '../domain/reason.ts'

/** The policy that decides, by its path: the entry point of `policies/jobs`. A constant, never job data. */
export const DECISIONS_POLICY = 'jobs/decisions'
export const DECISIONS_PATH = `/v1/data/${DECISIONS_POLICY}`
export const READY_PATH = '/health?bundles'

/** Without it, a condition that fails counts as one that does not hold, and a deny rule that fails denies nothing. */
export const STRICT = '?strict-builtin-errors=true'

/** An answer is the boolean `true`, or `false` with reasons; nothing else is an answer. */
const Answer = z.discriminatedUnion('allow', [
  z.strictObject({ allow: z.literal(true), masks: ColumnMaskRules.optional() }),
  z.strictObject({ allow: z.literal(false), reasons: z.tuple([Reason], Reason) }),
])
export type Answer = z.infer<typeof Answer>

/** The document at the decisions path: every request's answer, all from one policy revision. */
export const Decisions = z.strictObject({ revision: z.string().min(1), answers: z.record(z.string(), Answer) })
export type Decisions = z.infer<typeof Decisions>

/** The body of a 200 from the Data API. No `result` means undefined; a `warning` means OPA missed the input. */
export const DataBody = z.object({
  result: z.unknown().optional(),
  decision_id: z.string().optional(),
  warning: z.object({ code: z.string() }).optional(),
})

/** The body of an OPA error: a code and a message, with details of evaluation errors. */
export const ErrorBody = z.object({
  code: z.string(),
  message: z.string(),
  errors: z
    .array(
      z.object({
        code: z.string(),
        message: z.string(),
        location: z.object({ file: z.string(), row: z.number() }).optional(),
        details: z.object({ details: z.string().optional() }).optional(),
      }),
    )
    .optional(),
})
