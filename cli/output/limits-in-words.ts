import type { ProducerLimits } from '../../src/domain/producer-limits.ts'

const UNITS = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1_000, 's'],
] as const

/** What a producer may do, as a phrase. */
export function limitsInWords(limits: ProducerLimits): string {
  const { queues, actions, types, users, roles, lifetimeMs } = limits
  const life = lifetimeMs === 'all' ? 'any time' : `${duration(lifetimeMs)} at most`
  return (
    `${list(actions, 'every action')} on ${list(types, 'every type')} for ${list(users, 'every user')} ` +
    `as ${list(roles, 'every role')} through ${list(queues, 'every queue')}, living ${life}`
  )
}

function list(names: readonly string[] | 'all', every: string): string {
  if (names === 'all') return every
  const [shown, more] = [names.slice(0, 4).join(', '), names.length - 4]
  return more > 0 ? `${shown} and ${more} more` : shown
}

function duration(ms: number): string {
  const [size, unit] = UNITS.find(([each]) => ms % each === 0) ?? [1, 'ms']
  return `${ms / size} ${unit}`
}
