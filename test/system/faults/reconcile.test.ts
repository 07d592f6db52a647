import { type Job, UnrecoverableError, Worker } from 'bullmq'
import { sql } from 'kysely'
import { expect, onTestFinished, test } from 'vitest'
import type { OutcomeName } from '../../../src/domain/outcome.ts'
import type { FaultPoint } from '../../support/killable-authorizer.ts'
import { useFaultBench } from '../../support/fault-bench.ts'
import { eventually, outcomesOf, trailIds } from '../../support/ledger.ts'
import { aCommand } from '../../support/a-command.ts'
import { type Workload, seedWorkload } from '../../support/workload.ts'

const bench = useFaultBench()

const SWEEP_OFTEN = { JOBWARDEN_SWEEP_MS: '100', JOBWARDEN_SWEEP_GRACE_MS: '0' }

/** `count` updates of a new workload, all allowed, and what must become of them. */
async function updates(count: number, outcome: OutcomeName): Promise<Workload & { readonly ids: readonly string[] }> {
  const { commands, documents } = await seedWorkload(bench().stack.owner, count)
  const chosen = commands.filter(({ action, user }) => action === 'update' && user.id === 'user_123').slice(0, count)
  const ids = chosen.map(({ id }) => id)
  return { ids, commands: chosen, expected: new Map(ids.map((id) => [id, outcome])), documents }
}

async function failedJob(id: string | undefined): Promise<Job> {
  const job = await bench().commands.getJob(id ?? '')
  if (!(job && (await job.isFailed()))) throw new Error(`${id} is not in the failed set`)
  return job
}

/** Fails the jobs of a workload as BullMQ does, without asking a worker of ours. */
async function failAll({ commands }: Workload): Promise<void> {
  const { redis, commands: queue } = bench()
  const options = { connection: redis, prefix: queue.opts.prefix ?? '' }
  const failing = new Worker(queue.name, () => Promise.reject(new UnrecoverableError('out of memory')), options)
  await eventually(async () => (await queue.getFailedCount()) === commands.length || undefined)
  await failing.close()
}

test.each<[string, FaultPoint, OutcomeName]>([
  ['before its commit is dead: in the ledger, and in the trail once', 'before commit', 'dead'],
  ['after its commit has happened all the same, and is not dead', 'after commit', 'executed'],
])('a command that kills its workers again and again %s', async (_what, point, outcome) => {
  const { stack, startAuditor, startFaulty, startAuthorizer, enqueue, expectOrder } = bench()
  const workload = await updates(1, outcome)
  startAuditor()
  await enqueue(workload)
  for (const each of [
    point,
    ...Array.from({ length: 3 }, () => (outcome === 'dead' ? point : 'after load')),
  ] as const) {
    const doomed = startFaulty(each, 'SIGKILL', 1)
    expect(await doomed.ended).toBe('was ended by SIGKILL')
  }

  startAuthorizer(SWEEP_OFTEN)
  await expectOrder(workload)
  const job = await eventually(async () => failedJob(workload.ids[0]).catch(() => undefined))
  expect(job.failedReason).toBe('job stalled more than allowable limit')
  expect(await trailIds(stack.owner)).toEqual(outcome === 'dead' ? workload.ids : [])
})

test('a dead command that an operator retries stays dead and does nothing', async () => {
  const { stack, commands, startAuditor, startAuthorizer, enqueue, expectOrder } = bench()
  const workload = await updates(3, 'dead')
  await enqueue(workload)
  await failAll(workload)
  startAuditor()
  startAuthorizer(SWEEP_OFTEN)
  await expectOrder(workload)
  const dead = await outcomesOf(stack.owner, workload.ids)

  for (const id of workload.ids) await (await failedJob(id)).retry()
  await eventually(async () => (await commands.getCompletedCount()) === workload.ids.length || undefined)
  await expectOrder(workload)
  expect(await outcomesOf(stack.owner, workload.ids)).toEqual(dead)
  expect([...(await trailIds(stack.owner))].sort()).toEqual([...workload.ids].sort())
})

test('workers that reconcile the same dead commands at once record each of them once', async () => {
  const { startAuditor, startAuthorizer, enqueue, expectOrder } = bench()
  const workload = await updates(250, 'dead')
  await enqueue(workload)
  await failAll(workload)
  startAuditor()
  const workers = [startAuthorizer(SWEEP_OFTEN), startAuthorizer(SWEEP_OFTEN)]
  await expectOrder(workload)
  for (const worker of workers) expect(await worker.stop()).toBe('exited with status 0')
})

test.each([
  ['in the year 0', '0000-01-01T00:00:00Z'],
  ['with a thousand decimals', `2026-01-01T00:00:00.${'1'.repeat(1_000)}Z`],
])('a command signed %s, which the database cannot hold, is invalid at once', async (_when, issuedAt) => {
  const { stack, queue, commands, startAuditor, startAuthorizer } = bench()
  const command = aCommand({ issuedAt })
  await commands.add(command.action, await queue.sign(command), { jobId: command.id })
  startAuditor()
  startAuthorizer()
  const [id] = await eventually(async () => {
    const ids = await trailIds(stack.owner)
    return ids.length > 0 ? ids : undefined
  })
  expect(id).toMatch(/^invalid\./)
})

test('a dead command that the database refuses does not keep the others from being recorded', async () => {
  const { stack, startAuditor, startAuthorizer, enqueue } = bench()
  const { owner } = stack
  const workload = await updates(3, 'dead')
  const [refused = '', ...others] = workload.ids
  await enqueue(workload)
  await failAll(workload)
  await sql`alter table ledger.commands add constraint refused check (id <> ${sql.lit(refused)})`.execute(owner)
  onTestFinished(async () => void (await sql`alter table ledger.commands drop constraint refused`.execute(owner)))
  startAuditor()
  startAuthorizer(SWEEP_OFTEN)
  expect((await outcomesOf(owner, others)).size).toBe(others.length)
})
