import type { z } from 'zod'

/** What is wrong with a value, as `place: what the schema wants`. Never quotes the value. `whole` names its top. */
export function issuesInWords({ issues }: z.ZodError, whole: string): string[] {
  return issues.map(({ path, message }) => `${path.join('.') || whole}: ${message}`)
}
