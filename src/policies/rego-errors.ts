import { z } from 'zod'

/** An error of OPA about Rego sources. It has no location when it is about a file as a whole. */
const RegoError = z.object({
  message: z.string(),
  code: z.string().optional(),
  location: z.object({ file: z.string(), row: z.number() }).optional(),
})
export type RegoError = z.infer<typeof RegoError>

const Report = z.object({ errors: z.array(RegoError) })

/** Reads what `opa check --format json` writes; any other text becomes one error with that text. */
export function parseRegoErrors(text: string): readonly RegoError[] {
  let report: unknown
  try {
    report = JSON.parse(text)
  } catch {
    report = undefined // OPA has more to say than errors in sources, and says it in plain words.
  }
  const parsed = Report.safeParse(report)
  return parsed.success ? parsed.data.errors : [{ message: text.trim() }]
}
