import { expect, test } from 'vitest'
import { findingsOf } from '../../src/redis/admin/findings.ts'

const LOOK = {
  appendfsync: 'everysec',
  minReplicas: '0',
  refusedToDefault: ['zadd'],
  dropped: 0,
  mayBeReplica: false,
} as const

test.each([
  ['redis_version', '7.0.15', 'yes'],
  ['redis_version', '8.4.3', 'yes'],
  ['redis_version', '8.6.0', 'no'],
  ['redis_version', '10.0.0', 'no'],
  ['redis_version', 'next', 'yes'],
  ['valkey_version', '9.1.1', 'yes'],
])('with too few rights for the default user, %s %s loses commands: %s', (name, version, expected) => {
  const info = new Map([
    ['redis_version', '8.6.0'],
    ['aof_enabled', '1'],
    [name, version],
  ])
  const rights = findingsOf({ ...LOOK, info }).find(({ what }) => what === 'rights of the default user')
  expect(rights?.losesCommands).toBe(expected)
})
