import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Config } from '../../../src/config/settings.ts'
import type { Command } from '../../../src/domain/command.ts'
import type { Running } from '../../../src/process/run-process.ts'
import { openProducer } from '../../../src/producer/open-producer.ts'
import { listRecords } from '../../../src/storage/trail/list-records.ts'
import { PEOPLE, aCommand } from '../../support/a-command.ts'
import { eventually, outcomesOf } from '../../support/ledger.ts'
import { runCli } from '../../support/run-cli.ts'
import { type Stack, startStack } from '../../support/stack.ts'
import { startWorkers } from '../../support/workers.ts'

const NOTE = {
  name: 'note',
  table: 'app.notes',
  key: 'note_id',
  columns: { note_id: 'text', owner: 'text', body: 'text' },
  attributes: ['owner'],
  patch: { body: { maxLength: 100 } },
}

let stack: Stack
let env: Record<string, string>
let config: Config
let workers: Running

/** A table of a schema that is not jobwarden's, declared in a file: no source and no migration of jobwarden knows it. */
beforeAll(async () => {
  stack = await startStack()
  for (const statement of [
    'create schema app',
    'create table app.notes (note_id text primary key, owner text not null, body text, version bigint not null default 1)',
    "insert into app.notes values ('a', 'user_123', 'one'), ('b', 'user_123', 'two'), ('c', 'user_456', 'three')",
    'grant usage on schema app to jobwarden_authorizer',
    'grant select, update, delete on app.notes to jobwarden_authorizer',
  ])
    await sql.raw(statement).execute(stack.owner)
  const file = join(stack.workspace.path, 'resources.json')
  await writeFile(file, JSON.stringify({ types: [NOTE] }))
  env = stack.env({ JOBWARDEN_RESOURCES: file })
  config = stack.config({ JOBWARDEN_RESOURCES: file, JOBWARDEN_QUEUE_PREFIX: env['JOBWARDEN_QUEUE_PREFIX'] ?? '' })
  workers = await startWorkers(config)
})
afterAll(async () => {
  await workers.close()
  await stack.close()
})

async function enqueue(commands: readonly Command[]): Promise<void> {
  const queue = await openProducer(config, { lifetimeMs: 600_000, tracing: false })
  await queue.producer.enqueue(commands)
  await queue.close()
}

async function outcomes(...commands: readonly Command[]) {
  await enqueue(commands)
  const ended = await outcomesOf(
    stack.owner,
    commands.map(({ id }) => id),
  )
  return commands.map(({ id }) => ended.get(id))
}

const note = (id: string) => ({ type: 'note', id })

test('a type that a file declares is read, changed and denied, by its id and as a collection', async () => {
  expect(
    await outcomes(
      aCommand({ resource: note('a') }),
      aCommand({ resource: note('c') }),
      aCommand({ action: 'update', resource: note('b'), patch: { body: 'changed' } }),
      aCommand({ resource: { type: 'note' } }),
      aCommand({ action: 'delete', user: PEOPLE.admin, resource: note('c') }),
    ),
  ).toMatchObject([
    { outcome: 'executed', rows: [{ note_id: 'a', body: 'one' }] },
    { outcome: 'denied' },
    { outcome: 'executed' },
    { outcome: 'executed', count: 2 },
    { outcome: 'executed' },
  ])
})

test('the shipped type is not there any more, and explain knows the declared one', async () => {
  const command = aCommand()
  await enqueue([command])
  const request = JSON.stringify({ user: PEOPLE.user123, action: 'read', resource: note('a') })
  const { status, stdout } = await runCli('cli/jobwarden.ts', ['explain', '--request', request], { env })
  expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(/decision +allow/) })
  const ofCommand = async () =>
    (await listRecords(stack.owner, { limit: 100 })).find(({ job_id: id }) => id === command.id)
  expect(await eventually(ofCommand)).toMatchObject({
    outcome: 'invalid',
    reasons: [{ code: 'unknown_resource_type' }],
  })
})
