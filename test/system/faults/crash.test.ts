import { expect, test } from 'vitest'
import { isById } from '../../../src/domain/command.ts'
import { FAULT_LINE, FAULT_POINTS, type FaultPoint, heldCommands } from '../../support/killable-authorizer.ts'
import { useFaultBench } from '../../support/fault-bench.ts'
import { recordedOutcomes } from '../../support/ledger.ts'
import { seedWorkload } from '../../support/workload.ts'

const bench = useFaultBench()

/** The auditor sweeps when it starts, before there is a denial, and not again: redelivery alone must do. */
const NO_SWEEP = { JOBWARDEN_SWEEP_MS: '3600000' }

test.each(FAULT_POINTS)('a worker killed %s leaves every command one outcome and at most one effect', async (point) => {
  const { stack, commands, startAuditor, startFaulty, startAuthorizer, enqueue, expectOrder } = bench()
  const workload = await seedWorkload(stack.owner, 4)
  await startAuditor(NO_SWEEP).writes('auditing')
  await enqueue(workload)

  // A round has one command on a collection that comes so far.
  const doomed = startFaulty(point, 'SIGKILL', point === 'after examine' ? 3 : 12)
  expect(await doomed.ended).toBe('was ended by SIGKILL')
  expect(doomed.count(FAULT_LINE)).toBe(1)
  // It died as the point says: what it held is recorded or not, and in no case acknowledged.
  const held = heldCommands(doomed.lines)
  const recorded = await recordedOutcomes(stack.owner, held)
  // A row of a collection that its own batch has changed is decided again, so its command has no outcome yet.
  const byId = workload.commands.filter(({ id, resource }) => held.includes(id) && isById(resource))
  const settledAt = new Map<FaultPoint, readonly string[]>([
    ['after commit', byId.map(({ id }) => id)],
    ['after publish', held],
  ])
  const settled = settledAt.get(point) ?? []
  expect([...recorded.keys()]).toEqual(expect.arrayContaining([...settled]))
  expect(recorded.size > 0).toBe(settled.length > 0)
  const states = await Promise.all(held.map((id) => commands.getJobState(id)))
  expect(new Set(states)).toEqual(new Set(['active']))

  startAuthorizer(NO_SWEEP)
  await expectOrder(workload)
  expect(await commands.getFailedCount()).toBe(0)
})
