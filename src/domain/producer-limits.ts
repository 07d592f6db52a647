import { z } from 'zod'
import { ACTIONS, type Command } from './command.ts'

/** Every name. It is written out, because an asterisk alone is easily left over. */
const ALL = z.literal('all')

/** An exact name, or a prefix that ends in `*`. */
const Pattern = z
  .string()
  .max(512)
  .regex(/^[^*]+\*?$/, 'must be a name, or the beginning of names and "*"; write "all" for every name')
  .refine((name) => name !== 'all', '"all" stands in place of the list, for every name')

/** The names that count: every one, or those of a list. */
export const Names = z.union([ALL, z.array(Pattern).min(1).max(1_000)])
export type Names = z.infer<typeof Names>

/** For whom a producer may speak, and for how long. What a list does not name is refused. */
export const ProducerLimits = z.strictObject({
  queues: Names,
  actions: z.union([ALL, z.array(z.enum(ACTIONS)).min(1)]),
  types: Names,
  users: Names,
  roles: Names,
  /** From `issuedAt` to `expiresAt` of a command, in milliseconds. */
  lifetimeMs: z.union([ALL, z.int().min(1)]),
})
export type ProducerLimits = z.infer<typeof ProducerLimits>

/** The limits of a key that has none: nothing is refused. */
export const NO_LIMITS: ProducerLimits = {
  queues: 'all',
  actions: 'all',
  types: 'all',
  users: 'all',
  roles: 'all',
  lifetimeMs: 'all',
}

/** The name of every limit. */
export const LIMITS = ProducerLimits.keyof().options
export type Limit = (typeof LIMITS)[number]

/** The limits that limit nothing. */
export function unlimited(limits: ProducerLimits): Limit[] {
  return LIMITS.filter((limit) => limits[limit] === 'all')
}

/** The limit that a command breaks, as the end of "the producer may not …"; undefined if it keeps all of them. */
export function brokenLimit(limits: ProducerLimits, queue: string, command: Command): string | undefined {
  const { user, action, resource, issuedAt, expiresAt } = command
  if (!names(limits.queues, queue)) return 'use this queue'
  if (!names(limits.actions, action)) return `ask for "${action}"`
  if (!names(limits.types, resource.type)) return `ask for resources of the type "${resource.type}"`
  if (!names(limits.users, user.id)) return 'speak for this user'
  if (!names(limits.roles, user.role)) return 'speak for a user of this role'
  const lifetime = Date.parse(expiresAt) - Date.parse(issuedAt)
  if (limits.lifetimeMs !== 'all' && lifetime > limits.lifetimeMs)
    return `make commands that live longer than ${limits.lifetimeMs} ms`
  return undefined
}

/** Whether a name is one of these. */
export function names(allowed: Names, name: string): boolean {
  if (allowed === 'all') return true
  return allowed.some((each) => (each.endsWith('*') ? name.startsWith(each.slice(0, -1)) : name === each))
}
