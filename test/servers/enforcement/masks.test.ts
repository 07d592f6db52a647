import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type OpenProducer, openProducer } from '../../../src/producer/open-producer.ts'
import type { Command } from '../../../src/domain/command.ts'
import { type Workspace, openWorkspace } from '../../../devkit/workspace.ts'
import type { Running } from '../../../src/process/run-process.ts'
import { PEOPLE, aCommand } from '../../support/a-command.ts'
import { outcomesOf } from '../../support/ledger.ts'
import { type Stack, seedDocuments, startStack } from '../../support/stack.ts'
import { startWorkers } from '../../support/workers.ts'

let workspace: Workspace
let stack: Stack
let workers: Running
let queue: OpenProducer

beforeAll(async () => {
  workspace = await openWorkspace()
  const policies = join(workspace.path, 'policies')
  await cp('policies', policies, { recursive: true })
  const masks = 'masks.data.replace.value := "***" if input.user.role == "manager"'
  await writeFile(join(policies, 'data_filter/masks.rego'), `package data_filter\n\nimport rego.v1\n\n${masks}\n`)
  stack = await startStack({ policies })
  await seedDocuments(stack.owner)
  const config = stack.config()
  workers = await startWorkers(config)
  queue = await openProducer(config, { lifetimeMs: 600_000, tracing: false })
})
afterAll(async () => {
  await Promise.all([workers.close(), queue.close()])
  await stack.close()
  await workspace.close()
})

async function rowsOf(command: Command) {
  await queue.producer.enqueue([command])
  const outcome = (await outcomesOf(stack.owner, [command.id])).get(command.id)
  return outcome?.outcome === 'executed' ? outcome.rows : outcome
}

test.each([
  ['one resource', { type: 'document', id: 'resource_1' }],
  ['a collection', { type: 'document', where: { id: 'resource_1' } }],
])(
  'a masked column shows its mask in a read of %s, also in the ledger, and only to whom it is masked',
  async (_what, resource) => {
    expect(await rowsOf(aCommand({ user: PEOPLE.engineeringManager, resource }))).toMatchObject([
      { id: 'resource_1', owner: 'user_123', data: '***' },
    ])
    expect(await rowsOf(aCommand({ user: PEOPLE.user123, resource }))).toMatchObject([
      { id: 'resource_1', data: 'sensitive information' },
    ])
  },
)
