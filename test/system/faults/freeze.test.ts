import { expect, test } from 'vitest'
import { useFaultBench } from '../../support/fault-bench.ts'
import { FAULT_LINE, heldCommands } from '../../support/killable-authorizer.ts'
import { outcomesOf } from '../../support/ledger.ts'
import { seedWorkload } from '../../support/workload.ts'

const bench = useFaultBench()

test.each(['after load', 'before commit', 'after commit'] as const)(
  'a worker frozen %s past its locks wakes up to jobs that another has finished, and changes nothing',
  async (point) => {
    const { stack, commands, startAuditor, startFaulty, startAuthorizer, enqueue, expectOrder } = bench()
    const workload = await seedWorkload(stack.owner, 4)
    startAuditor()
    await enqueue(workload)
    const frozen = startFaulty(point, 'SIGSTOP', 12)
    await frozen.writes(FAULT_LINE)
    const held = await commands.getActive()
    expect(held.length).toBeGreaterThan(0)

    const successor = startAuthorizer()
    await expectOrder(workload)
    const before = await outcomesOf(stack.owner, [...workload.expected.keys()])
    expect(await successor.stop()).toBe('exited with status 0')

    frozen.send('SIGCONT')
    await frozen.writes('lock for job')
    expect(await frozen.stop()).toBe('exited with status 0')
    await expectOrder(workload)
    expect(await outcomesOf(stack.owner, [...workload.expected.keys()])).toEqual(before)
    expect(await commands.getFailedCount()).toBe(0)
  },
)

test('two workers that wake up before the commit of the same commands have one effect a command', async () => {
  const { stack, commands, startAuditor, startFaulty, enqueue, expectOrder } = bench()
  const workload = await seedWorkload(stack.owner, 2)
  startAuditor()
  await enqueue(workload)
  const half = workload.commands.length / 2
  const first = startFaulty('before commit', 'SIGSTOP', half)
  await first.writes(FAULT_LINE)
  const second = startFaulty('before commit', 'SIGSTOP', half)
  await second.writes(FAULT_LINE)
  const held = new Set(heldCommands(first.lines))
  expect(heldCommands(second.lines).some((id) => held.has(id))).toBe(true)

  for (const worker of [first, second]) worker.send('SIGCONT')
  await expectOrder(workload)
  for (const worker of [first, second]) expect(await worker.stop()).toBe('exited with status 0')
  await expectOrder(workload)
  expect(await commands.getFailedCount()).toBe(0)
})
