import { QueueKeys } from 'bullmq'
import { expect, test } from 'vitest'
import { CommandId } from '../../src/domain/command.ts'

const refused = (id: string) => !CommandId.safeParse(id).success

test('an id that would be the key of something else in the queue is refused', () => {
  const names = Object.keys(new QueueKeys('prefix').getKeys('queue'))
  expect(names.length).toBeGreaterThan(15)
  expect(names.filter((name) => !refused(name))).toEqual([])
})

test('an id with a colon, which would be the key of a part of another job, is refused', () => {
  for (const id of ['a:lock', 'a:logs', 'metrics:completed']) expect(refused(id)).toBe(true)
})

test('an id that only begins like one is fine', () => {
  for (const id of ['wait-1', 'failed_2', 'metadata']) expect(refused(id)).toBe(false)
})
