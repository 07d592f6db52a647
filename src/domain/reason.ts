import { z } from 'zod'

/** Why a command was not executed: a stable code for programs, a sentence for people. Never resource content. */
export const Reason = z.strictObject({
  code: z.string().regex(/^[a-z][a-z0-9_]{0,63}$/, 'must be a snake_case reason code'),
  message: z.string().min(1).max(512),
})
export type Reason = z.infer<typeof Reason>
