import { readFile } from 'node:fs/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { obtainOpa } from '../../../devkit/obtain-opa.ts'
import { startOpa } from '../../../devkit/start-opa.ts'
import { type FaultBench, useFaultBench } from '../../support/fault-bench.ts'
import { startHalfReadyOpa } from '../../support/half-ready-opa.ts'
import { eventually, recordedOutcomes } from '../../support/ledger.ts'
import type { Server } from '../../support/servers.ts'
import type { WorkerProcess } from '../../support/worker-process.ts'
import { type Workload, joined, seedWorkload } from '../../support/workload.ts'

const bench = useFaultBench()

const DOWN = 'OPA is down: taking no jobs'
const UP = 'OPA is back: taking jobs'

// A test that fails in the middle of an outage must not leave it to the next one.
afterEach(async () => {
  const { opa, postgres, redis } = bench().stack
  for (const { server } of [opa, postgres, redis]) {
    await server.kill('SIGCONT')
    if (!server.running) await server.start()
  }
})

/** Starts both workers and has them in the middle of a workload. */
async function startInMidRun(): Promise<{ authorizer: WorkerProcess; workload: Workload }> {
  const { stack, startAuditor, startAuthorizer, enqueue } = bench()
  const workload = await seedWorkload(stack.owner, 40)
  const authorizer = startAuthorizer()
  await Promise.all([startAuditor().writes('auditing'), authorizer.writes('authorizing')])
  await enqueue(workload)
  await eventually(async () => (await recordedCount(workload)) > 0 || undefined)
  return { authorizer, workload }
}

async function recordedCount({ expected }: Workload): Promise<number> {
  return (await recordedOutcomes(bench().stack.owner, [...expected.keys()])).size
}

/** What must stand still while OPA is down. */
async function standing(all: Workload): Promise<Record<string, number>> {
  const { waiting, active, delayed, failed } = await bench().commands.getJobCounts()
  return {
    waiting: waiting ?? 0,
    active: active ?? 0,
    delayed: delayed ?? 0,
    failed: failed ?? 0,
    recorded: await recordedCount(all),
  }
}

/** Looks again and again for as long as several probes of OPA take. */
async function expectStandstill(all: Workload, still: Record<string, number>): Promise<void> {
  const end = Date.now() + 1_200
  while (Date.now() < end) expect(await standing(all)).toEqual(still)
}

/** No job has failed, and those that are done took one attempt. */
async function expectNoAttemptBurnt(): Promise<void> {
  const { commands, audit } = bench()
  expect(await commands.getFailedCount()).toBe(0)
  expect(await audit.getFailedCount()).toBe(0)
  const jobs = await commands.getJobs(['completed', 'delayed', 'waiting'])
  expect(jobs.length).toBeGreaterThan(0)
  for (const job of jobs) expect(job.attemptsMade).toBe(job.finishedOn === undefined ? 0 : 1)
}

describe('while OPA is down the worker takes no jobs, says so once, and goes on by itself', () => {
  test.each([
    ['killed', 'SIGKILL', ({ server }: Server) => server.start()],
    ['frozen', 'SIGSTOP', ({ server }: Server) => server.kill('SIGCONT')],
  ] as const)('%s', async (_how, signal, recover) => {
    const { stack, commands, enqueue, expectOrder } = bench()
    const { authorizer, workload } = await startInMidRun()
    const [second, third] = [await seedWorkload(stack.owner, 10), await seedWorkload(stack.owner, 10)]
    await stack.opa.server.kill(signal)
    await enqueue(second)
    await authorizer.writes(DOWN)
    await eventually(async () => (await commands.getActiveCount()) === 0 || undefined)
    await enqueue(third)

    const all = joined(workload, second, third)
    const still = await standing(all)
    expect(still['waiting']).toBeGreaterThanOrEqual(third.commands.length)
    await expectStandstill(all, still)
    await expectNoAttemptBurnt()
    expect([authorizer.count(DOWN), authorizer.count(UP)]).toEqual([1, 0])

    await recover(stack.opa)
    await expectOrder(all)
    await expectNoAttemptBurnt()
    expect(authorizer.count(UP)).toBeGreaterThan(0)
  })
})

test('an OPA that has no policies yet lets nothing happen, and everything once it has them', async () => {
  const { stack, commands, startAuditor, startAuthorizer, enqueue, expectOrder } = bench()
  const { path: opa } = await obtainOpa({ say: () => undefined })
  const empty = await startOpa({ workspace: stack.workspace, opa })
  const workload = await seedWorkload(stack.owner, 2)
  startAuditor()
  const authorizer = startAuthorizer({ JOBWARDEN_OPA_URL: empty.url })
  await enqueue(workload)
  await authorizer.writes(DOWN)
  await eventually(async () => (await commands.getActiveCount()) === 0 || undefined)
  await expectStandstill(workload, await standing(workload))
  const ended = await recordedOutcomes(stack.owner, [...workload.expected.keys()])
  expect([...ended.values()].every(({ outcome }) => outcome === 'expired')).toBe(true)

  for (const name of ['authz', 'data_filter', 'jobs']) {
    const body = await readFile(`policies/${name}/${name}.rego`)
    expect((await fetch(`${empty.url}/v1/policies/${name}`, { method: 'PUT', body })).ok).toBe(true)
  }
  await expectOrder(workload)
  await expectNoAttemptBurnt()
  await empty.server.stop()
})

test('a worker that starts while OPA fails waits for it', async () => {
  const { stack, startAuditor, startAuthorizer, enqueue, expectOrder } = bench()
  await using opa = await startHalfReadyOpa(stack.opa.url)
  const workload = await seedWorkload(stack.owner, 1)
  await enqueue(workload)
  startAuditor()
  const authorizer = startAuthorizer({ JOBWARDEN_OPA_URL: opa.url })
  await Promise.race([authorizer.writes('authorizing'), authorizer.ended.then((how) => expect(how).toBe('alive'))])
  opa.recover()
  await expectOrder(workload)
})

describe('PostgreSQL loses nothing and the worker goes on by itself', () => {
  test.each([
    [
      'when it crashes',
      (b: FaultBench) => b.stack.postgres.server.stop('SIGQUIT'),
      (b: FaultBench) => b.stack.postgres.server.start(),
    ],
    [
      'when it freezes',
      (b: FaultBench) => b.stack.postgres.server.kill('SIGSTOP'),
      (b: FaultBench) => b.stack.postgres.server.kill('SIGCONT'),
    ],
  ] as const)('%s', async (_when, fail, recover) => {
    const { stack, enqueue, expectOrder } = bench()
    const { authorizer, workload } = await startInMidRun()
    const second = await seedWorkload(stack.owner, 10)
    await fail(bench())
    await enqueue(second)
    await authorizer.writes('JW_STORE_UNAVAILABLE')
    await expectNoAttemptBurnt()
    await recover(bench())
    await expectOrder(joined(workload, second))
    await expectNoAttemptBurnt()
    expect(await authorizer.stop()).toBe('exited with status 0')
  })
})

test('Redis killed and started again has lost nothing, and the workers go on by themselves', async () => {
  const { stack, enqueue, expectOrder } = bench()
  const { authorizer, workload } = await startInMidRun()
  const second = await seedWorkload(stack.owner, 10)
  await stack.redis.server.kill('SIGKILL')
  await expect(enqueue(second)).rejects.toThrow(/./)
  await stack.redis.server.start()
  await enqueue(second)
  await expectOrder(joined(workload, second))
  await expectNoAttemptBurnt()
  expect(await authorizer.stop()).toBe('exited with status 0')
})
