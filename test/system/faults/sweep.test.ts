import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { listRecords } from '../../../src/storage/trail/list-records.ts'
import { PEOPLE, aCommand } from '../../support/a-command.ts'
import { type FaultBench, useFaultBench } from '../../support/fault-bench.ts'
import { eventually, outcomesOf, trailIds } from '../../support/ledger.ts'
import { type Workload, joined, seedWorkload } from '../../support/workload.ts'

const bench = useFaultBench()

const SWEEP_OFTEN = { JOBWARDEN_SWEEP_MS: '100', JOBWARDEN_SWEEP_GRACE_MS: '0' }

const deniedIds = ({ expected }: Workload) =>
  [...expected].filter(([, outcome]) => outcome === 'denied' || outcome === 'expired').map(([id]) => id)

/** Everything that Redis held is gone, as when its disk is. */
async function loseRedis({ stack }: FaultBench): Promise<void> {
  await stack.redis.server.kill('SIGKILL')
  const { path } = stack.workspace
  const folder = (await readdir(path)).find((name) => name.startsWith('redis-'))
  await rm(join(path, folder ?? '', 'appendonlydir'), { recursive: true })
  await stack.redis.server.start()
}

describe('denials that the ledger has and the trail lacks are swept into it, each once', () => {
  test.each<[string, (lost: FaultBench) => Promise<void>]>([
    ['when the audit queue is emptied', ({ audit }) => audit.obliterate({ force: true })],
    ['when Redis loses everything', loseRedis],
  ])('%s', async (_when, lose) => {
    const { stack, audit, startAuditor, startAuthorizer, enqueue, expectOrder } = bench()
    const workload = await seedWorkload(stack.owner, 20)
    const authorizer = startAuthorizer()
    await enqueue(workload)
    await outcomesOf(stack.owner, [...workload.expected.keys()])
    await eventually(async () => (await audit.getWaitingCount()) === deniedIds(workload).length || undefined)

    await lose(bench())
    expect(await audit.getWaitingCount()).toBe(0)
    const auditor = startAuditor(SWEEP_OFTEN)
    await auditor.writes('denials were missing from the trail')
    const later = await seedWorkload(stack.owner, 1)
    await enqueue(later)
    await expectOrder(joined(workload, later))
    expect(await authorizer.stop()).toBe('exited with status 0')
  })

  test('when the trail itself has lost them, though their audit jobs are done', async () => {
    const { stack, startAuditor, startAuthorizer, enqueue, expectOrder } = bench()
    const workload = await seedWorkload(stack.owner, 2)
    startAuditor(SWEEP_OFTEN)
    startAuthorizer()
    await enqueue(workload)
    await expectOrder(workload)
    await sql`delete from audit.records`.execute(stack.owner)
    const lost = deniedIds(workload)
    await eventually(async () => (await trailIds(stack.owner)).length >= lost.length || undefined)
    await expectOrder(workload)
    expect(new Set(await trailIds(stack.owner))).toEqual(new Set(lost))
  })
})

test('what others put on the audit queue never enters the trail, nor does it keep a real denial out', async () => {
  const { stack, audit, startAuditor, startAuthorizer, enqueue, expectOrder } = bench()
  startAuditor(SWEEP_OFTEN)
  startAuthorizer()
  const workload = await seedWorkload(stack.owner, 1)
  await enqueue(workload)
  await expectOrder(workload)
  const trail = await trailIds(stack.owner)

  const [executed = ''] = [...workload.expected].filter(([, outcome]) => outcome === 'executed').map(([id]) => id)
  const toBeDenied = aCommand({ user: PEOPLE.guest, resource: { type: 'document', id: 'nothing_there' } })
  const forged = ['made-up', executed, toBeDenied.id]
  const reasons = [{ code: 'forged', message: 'so says the queue' }]
  await audit.addBulk(
    forged.map((id) => ({
      name: 'denied',
      data: { id, outcome: 'denied', reasons, userId: 'admin_1' },
      opts: { jobId: id },
    })),
  )
  await eventually(async () => (await audit.getFailedCount()) === forged.length || undefined)
  for (const job of await audit.getFailed()) {
    expect(job.failedReason).toContain('JW_AUDIT_UNKNOWN')
    expect(job.attemptsMade).toBe(5)
  }
  expect(await trailIds(stack.owner)).toEqual(trail)

  await enqueue({ commands: [toBeDenied] })
  const record = await eventually(async () =>
    (await listRecords(stack.owner, { limit: 100 })).find(({ id }) => id === toBeDenied.id),
  )
  expect(record.user_id).toBe('guest_1')
  expect(record.reason_codes).not.toContain('forged')
  const denied = { commands: [toBeDenied], expected: new Map([[toBeDenied.id, 'denied']] as const), documents: [] }
  await expectOrder(joined(workload, denied))
})

test('a denial with the longest names that a command may have reaches the trail', async () => {
  const { stack, queue, startAuditor, startAuthorizer } = bench()
  // Characters of three bytes, in an order that does not compress.
  const name = (length: number) =>
    String.fromCodePoint(...Array.from({ length }, (_, index) => 0x4e00 + ((index * index * 7919) % 20_000)))
  const named = (length: number) =>
    aCommand({ user: { id: name(length), role: 'guest' }, resource: { type: 'document', id: name(length) } })
  const { enqueued } = await queue.producer.enqueue([1024, 512, 256].map(named))
  expect(enqueued.length).toBeGreaterThan(0)
  startAuditor(SWEEP_OFTEN)
  startAuthorizer()
  await outcomesOf(stack.owner, enqueued)
  await eventually(async () => (await trailIds(stack.owner)).length === enqueued.length || undefined)
})
