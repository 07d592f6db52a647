import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterEach, expect, test } from 'vitest'
import { openProducer } from '../../../src/producer/open-producer.ts'
import type { Command } from '../../../src/domain/command.ts'
import { PEOPLE, aCommand } from '../../support/a-command.ts'
import { eventually, outcomesOf, trailIds } from '../../support/ledger.ts'
import { type Stack, seedDocuments, startStack } from '../../support/stack.ts'
import { WorkerProcess } from '../../support/worker-process.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

/** A worker process on policies of this folder, which get the worker's own entry point beside them. */
async function startWorker(policies: string, prepare: (folder: string) => Promise<unknown> = async () => undefined) {
  const folder = join('node_modules', '.cache', `case-${process.pid}-${policies.replaceAll('/', '-')}`)
  await cp(policies, folder, { recursive: true })
  await cp('policies/jobs', join(folder, 'jobs'), { recursive: true })
  await prepare(folder)
  const stack = await startStack({ policies: folder })
  closing.push(() => stack.close())
  await seedDocuments(stack.owner)
  const env = stack.env({ JOBWARDEN_LOG_LEVEL: 'info', JOBWARDEN_SWEEP_MS: '500' })
  const worker = new WorkerProcess('workers/authorizer.ts', env)
  const auditor = new WorkerProcess('workers/auditor.ts', env)
  closing.push(() => Promise.all([worker.stop(), auditor.stop()]))
  const queue = await openProducer(stack.config(env), { lifetimeMs: 600_000, tracing: false })
  closing.push(() => queue.close())
  const outcomeOf = async (command: Command) => {
    await queue.producer.enqueue([command])
    return (await outcomesOf(stack.owner, [command.id])).get(command.id)
  }
  return { stack, worker, outcomeOf }
}

test('12: a command on which a policy errs, alone on the queue, is dead after its attempts, logged and in the trail', async () => {
  const { stack, worker, outcomeOf } = await startWorker('test/system/cases/poison-alone/policies')
  const command = aCommand({ user: Object.assign({}, PEOPLE.user123, { token: 'garbage' }) })
  expect(await outcomeOf(command)).toMatchObject({ outcome: 'dead' })
  await worker.writes('a job is dead')
  expect(worker.count('JW_PDP_POISON')).toBeGreaterThanOrEqual(5)
  await eventually(async () => (await trailIds(stack.owner)).includes(command.id) || undefined)
  expect(await outcomeOf(aCommand())).toMatchObject({ outcome: 'executed' })
})

test('13: once a grant has ended, a collection ends with it, as a command by id does', async () => {
  const { outcomeOf } = await startWorker('test/system/cases/time-window/policies')
  const until = Math.floor(Date.now() / 1000) + 4
  const user = { id: 'tina', role: 'temp', until }
  const byId = () => outcomeOf(aCommand({ user, resource: { type: 'document', id: 'resource_2' } }))
  const many = () => outcomeOf(aCommand({ user, resource: { type: 'document' }, action: 'update' }))
  expect(await byId()).toMatchObject({ outcome: 'executed' })
  expect(await many()).toMatchObject({ outcome: 'executed', count: 1 })
  await eventually(async () => ((await byId())?.outcome === 'denied' ? true : undefined))
  expect(await many()).toMatchObject({ outcome: 'executed', count: 0 })
})

test('33: a list of who may read what, kept as data, is one condition of a filter, of 20,000 resources', async () => {
  const resources = 20_000
  const acl = Object.fromEntries(
    Array.from({ length: resources }, (_, n) => [`d${n}`, n % 1_000 === 0 ? ['ann', 'ben'] : ['cyd', `u${n}`]]),
  )
  const { stack, outcomeOf } = await startWorker('test/system/cases/large-acl/policies', async (folder) => {
    await mkdir(join(folder, 'authz'), { recursive: true })
    await writeFile(join(folder, 'authz', 'data.json'), JSON.stringify({ acl }))
  })
  await fill(stack, resources)
  const reading = (id: string) => aCommand({ user: { id, role: 'x' }, resource: { type: 'document' } })
  expect(await outcomeOf(reading('ann'))).toMatchObject({ outcome: 'executed', count: 20 })
  expect(await outcomeOf(reading('u4'))).toMatchObject({ outcome: 'executed', count: 1 })
  expect(await outcomeOf(reading('nobody'))).toMatchObject({
    outcome: 'denied',
    reasons: [{ code: 'no_rows_allowed' }],
  })
})

async function fill({ owner }: Stack, resources: number): Promise<void> {
  await sql`
    insert into resources.documents (id, name, owner, department, data)
    select 'd' || n, 'd', 'x', 'y', 'z' from generate_series(0, ${resources - 1}::int) n`.execute(owner)
}
