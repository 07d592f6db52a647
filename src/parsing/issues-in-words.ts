import type { z } from 'zod'

/** What is wrong with a value, place by place, as `place: what the schema wants`; never the value. `whole` names it all. */
export function issuesInWords({ issues }: z.ZodError, whole: string): string[] {
  return issues.map(({ path, message }) => `${path.join('.') || whole}: ${message}`)
}
