import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type OpenProducer, openProducer } from '../../../src/producer/open-producer.ts'
import type { Config } from '../../../src/config/settings.ts'
import type { Command } from '../../../src/domain/command.ts'
import type { Observer } from '../../../src/enforcement/ports/observer.ts'
import { PEOPLE, aCommand } from '../../support/a-command.ts'
import { eventually, outcomesOf, trailIds } from '../../support/ledger.ts'
import { type Stack, seedDocuments, startStack } from '../../support/stack.ts'
import { startWorkers } from '../../support/workers.ts'
import { UNOBSERVED, countingBatches, observeAll } from '../../../src/telemetry/observe-all.ts'

let stack: Stack
let config: Config

beforeAll(async () => {
  stack = await startStack()
})
afterAll(() => stack.close())
beforeEach(async () => {
  await seedDocuments(stack.owner)
  config = stack.config()
})

const admin = PEOPLE.admin
const rename = (name: string) => aCommand({ user: admin, action: 'update', patch: { name } })

async function resource(id = 'resource_1') {
  const { rows } = await sql<{ name: string; version: string }>`
    select name, version::text from resources.documents where id = ${id}`.execute(stack.owner)
  return rows[0]
}

/** Enqueues the commands before any worker runs, so that one batch takes them all, and returns their outcomes. */
async function inOneBatch(commands: readonly Command[], observer = UNOBSERVED) {
  const queue: OpenProducer = await openProducer(config, { lifetimeMs: 600_000, tracing: false })
  await queue.producer.enqueue(commands)
  const sizes: number[] = []
  const workers = await startWorkers(config, { observer: observeAll([countingBatches(sizes), observer]) })
  try {
    const ended = await outcomesOf(
      stack.owner,
      commands.map(({ id }) => id),
    )
    const denied = commands.filter(({ id }) => ['denied', 'stale'].includes(ended.get(id)?.outcome ?? ''))
    await eventually(async () => {
      const recorded = await trailIds(stack.owner)
      return denied.every(({ id }) => recorded.includes(id)) ? true : undefined
    })
    return { outcomes: commands.map(({ id }) => ended.get(id)?.outcome), sizes }
  } finally {
    await workers.close()
    await queue.close()
  }
}

test('two updates of one resource in one batch are both executed, one after the other', async () => {
  const commands = [rename('first'), rename('second')]
  const { outcomes, sizes } = await inOneBatch(commands)
  expect(outcomes).toEqual(['executed', 'executed'])
  expect(sizes).toEqual([2, 1])
  expect(await resource()).toEqual({ name: 'second', version: '3' })
})

test('twenty updates of one resource in one batch are all executed and none is stale', async () => {
  const { outcomes } = await inOneBatch(Array.from({ length: 20 }, (_, index) => rename(`name ${index}`)))
  expect(new Set(outcomes)).toEqual(new Set(['executed']))
  expect(await resource()).toEqual({ name: 'name 19', version: '21' })
})

test('an update and then a delete of one resource in one batch are both executed', async () => {
  const remove = aCommand({ user: admin, action: 'delete' })
  const { outcomes } = await inOneBatch([rename('last words'), remove])
  expect(outcomes).toEqual(['executed', 'executed'])
  expect(await resource()).toBeUndefined()
})

test('an update after the delete of its resource is decided again: gone for an admin, denied to others', async () => {
  const remove = aCommand({ user: admin, action: 'delete' })
  const { outcomes } = await inOneBatch([remove, rename('too late'), aCommand({ action: 'update' })])
  expect(outcomes).toEqual(['executed', 'not_found', 'denied'])
})

/** Lets somebody else change the resource after each of the first `times` loads, before the commit. */
function meddling(times: number, change: () => Promise<unknown>): Observer {
  let loads = 0
  return {
    ...UNOBSERVED,
    batch: (_deliveries, run) =>
      run(async (name, _participants, step) => {
        const result = await step()
        if (name === 'load') loads += 1
        if (name === 'load' && loads <= times) await change()
        return result
      }),
  }
}

const bump = () =>
  sql`update resources.documents set version = version + 1 where id = 'resource_1'`.execute(stack.owner)

test('a resource that changes between load and commit is decided on again', async () => {
  const command = rename('in the end')
  const { outcomes } = await inOneBatch([command], meddling(2, bump))
  expect(outcomes).toEqual(['executed'])
  expect(await resource()).toEqual({ name: 'in the end', version: '4' })
})

test('a resource that changes hands between load and commit is not updated by who may no longer do it', async () => {
  const giveAway = () =>
    sql`update resources.documents set owner = 'user_456', version = version + 1 where id = 'resource_1'`.execute(
      stack.owner,
    )
  const command = aCommand({ action: 'update', patch: { name: 'stolen' } })
  const { outcomes } = await inOneBatch([command], meddling(1, giveAway))
  expect(outcomes).toEqual(['denied'])
  expect(await resource()).toEqual({ name: 'Resource 1', version: '2' })
})

test('a resource that changes three times over makes the command stale, without effect and in the trail', async () => {
  const command = rename('never')
  const { outcomes } = await inOneBatch([command], meddling(99, bump))
  expect(outcomes).toEqual(['stale'])
  // Three decisions, and a fourth load that looks for an outcome before `stale` is recorded.
  expect(await resource()).toEqual({ name: 'Resource 1', version: '5' })
})
