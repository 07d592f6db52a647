import { describe, expect, test } from 'vitest'
import { AUDIT_QUEUE, COMMAND_QUEUE } from '../../src/redis/queue-names.ts'
import { type Grant, REDIS_ROLES } from '../../src/redis/admin/roles.ts'
import { commandsOfScripts } from '../support/bull-scripts.ts'

const SCRIPTS = ['eval', 'evalsha']
const CONNECT = ['ping', 'info', 'select', 'client|setname']
/** Taking, settling, delaying and retrying jobs, and finding stalled ones: whatever a job's hash says. */
const CONSUME = [
  'moveToActive',
  'moveToFinished',
  'moveToDelayed',
  'retryJob',
  'moveStalledJobsToWait',
  'extendLocks',
] as const
const LOOK = [
  'getCounts',
  'getCountsPerPriority',
  'getDependencyCounts',
  'getJobs',
  'getRanges',
  'getState',
  'getStateV2',
  'getMetrics',
  'paginate',
] as const
/** Branches for jobs with a parent or a deduplication id, for delayed and prioritized ones: producers add none. */
const NOT_ADDED = ['del', 'get', 'lpos', 'lrange', 'persist', 'pttl', 'rpush', 'sadd', 'scard', 'set', 'zrange', 'zrem']
const NOT_ADDED_EITHER = ['zrevrangebyscore', 'zscore']

function grantsOf(role: string): readonly Grant[] {
  return REDIS_ROLES.find(({ name }) => name === role)?.grants ?? []
}

function without(all: ReadonlySet<string>, ...names: readonly string[]): string[] {
  for (const name of names) expect(all).toContain(name)
  return [...all].filter((name) => !names.includes(name))
}

const sorted = (...commands: readonly string[]) => [...new Set(commands)].toSorted()

describe('every command that a role is granted is one that its part of BullMQ or of jobwarden calls, and none is missing', () => {
  const add = sorted(...SCRIPTS, ...without(commandsOfScripts('addStandardJob'), ...NOT_ADDED, ...NOT_ADDED_EITHER))

  test('a producer adds', () => {
    const [own, ...further] = grantsOf('producer')
    expect(sorted(...(own?.commands ?? []))).toEqual(sorted(...CONNECT, ...add, 'wait'))
    expect([own?.queues, further]).toEqual([[COMMAND_QUEUE], []])
  })

  test('a worker consumes commands, reads the failed ones, and only adds denials', () => {
    const [own, denials, ...further] = grantsOf('worker')
    const consume = commandsOfScripts(...CONSUME, 'getJobs')
    expect(sorted(...(own?.commands ?? []))).toEqual(sorted(...CONNECT, ...SCRIPTS, ...consume, 'bzpopmin'))
    expect(sorted(...(denials?.commands ?? []))).toEqual(add)
    expect([own?.queues, denials?.queues, further]).toEqual([[COMMAND_QUEUE], [AUDIT_QUEUE], []])
  })

  test('an auditor consumes denials, removes and adds them', () => {
    const [own, ...further] = grantsOf('auditor')
    const consume = commandsOfScripts(...CONSUME, 'removeJob')
    expect(sorted(...(own?.commands ?? []))).toEqual(sorted(...CONNECT, ...SCRIPTS, ...consume, 'bzpopmin'))
    expect([own?.queues, further]).toEqual([[AUDIT_QUEUE], []])
    expect(own?.commands).toEqual(expect.arrayContaining(add))
  })

  test('a reader has what looks and none of what changes', () => {
    const [own, ...further] = grantsOf('reader')
    const look = without(commandsOfScripts(...LOOK), 'rpop') // It drops a marker that only BullMQ before 5 wrote.
    const direct = ['exec', 'multi', 'client|list', 'get', 'hexists', 'hget', 'hmget', 'lpos', 'exists', 'smembers']
    expect(sorted(...(own?.commands ?? []))).toEqual(sorted(...CONNECT, ...SCRIPTS, ...look, ...direct))
    expect([own?.queues, further]).toEqual([[COMMAND_QUEUE, AUDIT_QUEUE], []])
  })
})
