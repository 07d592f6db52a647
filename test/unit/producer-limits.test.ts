import { expect, test } from 'vitest'
import { NO_LIMITS, ProducerLimits, brokenLimit } from '../../src/domain/producer-limits.ts'
import { PEOPLE, aCommand } from '../support/a-command.ts'

const limits = (change: Partial<ProducerLimits>): ProducerLimits => ({ ...NO_LIMITS, ...change })
const command = aCommand({ user: PEOPLE.user123 })

test.each<[string, Partial<ProducerLimits>, string | undefined]>([
  ['nothing is limited', {}, undefined],
  [
    'everything is named',
    { queues: ['commands'], types: ['document'], users: ['user_123'], roles: ['user'] },
    undefined,
  ],
  ['a prefix of the user is named', { users: ['svc_*', 'user_*'] }, undefined],
  ['another queue is named', { queues: ['other'] }, 'use this queue'],
  ['another action is named', { actions: ['update', 'delete'] }, 'ask for "read"'],
  ['another type is named', { types: ['invoice'] }, 'ask for resources of the type "document"'],
  ['another user is named', { users: ['user_1234', 'USER_123', 'user_12'] }, 'speak for this user'],
  ['a longer prefix is named', { users: ['user_1234*'] }, 'speak for this user'],
  ['another role is named', { roles: ['users', 'use'] }, 'speak for a user of this role'],
  ['the lifetime is as long as it may be', { lifetimeMs: 600_000 }, undefined],
  ['the lifetime is longer', { lifetimeMs: 599_999 }, 'make commands that live longer than 599999 ms'],
])('a command is held against its producer when %s', (_when, change, broken) => {
  expect(brokenLimit(limits(change), 'commands', command)).toBe(broken)
})

test.each([['*'], [''], ['a*b'], ['**']])('"%s" is no pattern: all is written out', (pattern) => {
  expect(ProducerLimits.safeParse(limits({ users: [pattern] })).success).toBe(false)
})

test('a list that names nothing, and a limit that is left out, are no limits', () => {
  expect(ProducerLimits.safeParse(limits({ users: [] })).success).toBe(false)
  const { roles: _left, ...rest } = NO_LIMITS
  expect(ProducerLimits.safeParse(rest).success).toBe(false)
})
