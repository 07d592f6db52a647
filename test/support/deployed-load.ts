import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Workspace } from '../../devkit/workspace.ts'
import type { DeployedStack } from './deployed-stack.ts'
import { brokenInvariants } from './invariants.ts'
import { eventually, recordedOutcomes } from './ledger.ts'
import type { Workload } from './workload.ts'

/** How long a stack that is whole again may take to end everything. */
const WITHIN_MS = 120_000

/** Enqueues every file until the queue has taken it, with the same ids again after a failure. */
const ENQUEUE =
  'for file in /load/*.jsonl; do until node cli/jobwarden.ts enqueue <"$file" 2>&1; do sleep 0.3; done; done'

/**
 * Enqueues a workload in calls of `perCall` by the deployed producer, which makes a call that fails again.
 * @returns what it was told, call by call
 */
export async function produce(
  { compose }: DeployedStack,
  workspace: Workspace,
  { commands }: Pick<Workload, 'commands'>,
  perCall = 250,
): Promise<string> {
  const folder = await workspace.folder('load')
  await chmod(folder, 0o755) // The container's user is another one.
  for (let start = 0; start < commands.length; start += perCall) {
    const lines = commands.slice(start, start + perCall).map((command) => `${JSON.stringify(command)}\n`)
    await writeFile(join(folder, `${String(start).padStart(6, '0')}.jsonl`), lines.join(''))
  }
  return compose.run('console', ['-c', ENQUEUE], ['--entrypoint', 'sh', '--volume', `${folder}:/load:ro`])
}

/** How many commands of a workload have an outcome. */
export async function endedOf({ owner }: DeployedStack, { expected }: Workload): Promise<number> {
  return (await recordedOutcomes(owner, [...expected.keys()])).size
}

/** Resolves once so many commands of a workload have an outcome: the load is running. */
export async function ended(stack: DeployedStack, workload: Workload, count: number): Promise<void> {
  await eventually(async () => (await endedOf(stack, workload)) >= count || undefined, WITHIN_MS)
}

/** Waits until everything has ended, and checks that it ended as expected and that no invariant is broken. */
export async function expectOrder(stack: DeployedStack, workload: Workload): Promise<void> {
  await ended(stack, workload, workload.commands.length)
  await eventually(async () => (await stack.underWay()) === 0 || undefined, WITHIN_MS)
  const outcomes = await recordedOutcomes(stack.owner, [...workload.expected.keys()])
  expect(new Map([...outcomes].map(([id, { outcome }]) => [id, outcome]))).toEqual(workload.expected)
  // What a sweep records is on no queue for a moment.
  const broken = () => brokenInvariants(stack.owner, workload)
  await eventually(async () => Object.keys(await broken()).length === 0 || undefined, 15_000).catch(() => undefined)
  expect(await broken()).toEqual({})
}
