import type { Command } from 'commander'
import { Failure } from '../src/domain/failure.ts'
import { LIMITS, NO_LIMITS, type Limit, ProducerLimits, unlimited } from '../src/domain/producer-limits.ts'
import { say } from '../src/process/terminal.ts'
import { wholeNumber } from './flag-values.ts'

type Names = readonly string[]
export type LimitFlags = {
  readonly queues?: Names
  readonly actions?: Names
  readonly types?: Names
  readonly users?: Names
  readonly roles?: Names
  readonly lifetimeMs?: number | 'all'
}

const FLAG: Readonly<Record<Limit, string>> = {
  queues: '--queues',
  actions: '--actions',
  types: '--types',
  users: '--users',
  roles: '--roles',
  lifetimeMs: '--lifetime-ms',
}

/** Adds an option for each limit. */
export function withLimits(command: Command): Command {
  return command
    .option('--queues <name...>', 'queues that it may use: names, or beginnings such as "orders_*"; all unless told')
    .option('--actions <action...>', 'actions that it may ask for; all unless told')
    .option('--types <name...>', 'types of resources that it may ask for; all unless told')
    .option('--users <id...>', 'users that it may speak for; all unless told')
    .option('--roles <name...>', 'roles of the users that it may speak for; all unless told')
    .option('--lifetime-ms <ms>', 'how long its commands may live, in milliseconds; any time unless told', lifetime)
}

function lifetime(text: string): number | 'all' {
  return text === 'all' ? 'all' : wholeNumber(Number.MAX_SAFE_INTEGER)(text)
}

/** The limits that flags give, over those that were there: a limit is never left out. @throws Failure JW_CONFIG_INVALID */
export function limitsOf(flags: LimitFlags, before: ProducerLimits = NO_LIMITS): ProducerLimits {
  const limits = LIMITS.map((limit) => [limit, given(flags[limit]) ?? before[limit]])
  const parsed = ProducerLimits.safeParse(Object.fromEntries(limits))
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map(({ path, message }) => {
    const limit = LIMITS.find((each) => each === path[0])
    return `${limit === undefined ? 'the limits' : FLAG[limit]}: ${message}`
  })
  throw new Failure('JW_CONFIG_INVALID', problems.join('; '))
}

function given(value: Names | number | 'all' | undefined) {
  return typeof value === 'object' ? namesOrAll(value) : value
}

/** The names that a flag gives; "all" alone is all of them. */
export function namesOrAll(names: Names): string[] | 'all' {
  return names.length === 1 && names[0] === 'all' ? 'all' : [...names]
}

/** What a limit of "all" lets through. */
export const EVERY: Readonly<Record<Limit, string>> = {
  queues: 'every queue',
  actions: 'every action',
  types: 'every type',
  users: 'every user',
  roles: 'every role',
  lifetimeMs: 'any lifetime',
}

/** Warns of each limit that is "all". */
export function warnOfAll(name: string, limits: ProducerLimits): void {
  const all = unlimited(limits)
  if (all.length === 0) return
  const [what, flags] = [all.map((limit) => EVERY[limit]), all.map((limit) => FLAG[limit])]
  say(`warning: "${name}" may use ${what.join(', ')}; ${flags.join(', ')}, or "may" in the file, would limit that`)
}
