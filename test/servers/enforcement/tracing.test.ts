import { NodeSDK } from '@opentelemetry/sdk-node'
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor } from '@opentelemetry/sdk-trace'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type OpenProducer, openProducer } from '../../../src/producer/open-producer.ts'
import type { Config } from '../../../src/config/settings.ts'
import type { Running } from '../../../src/process/run-process.ts'
import { listRecords } from '../../../src/storage/trail/list-records.ts'
import { PEOPLE, aCommand } from '../../support/a-command.ts'
import { eventually, outcomesOf, trailIds } from '../../support/ledger.ts'
import { type Stack, seedDocuments, startStack } from '../../support/stack.ts'
import { startWorkers } from '../../support/workers.ts'

const exporter = new InMemorySpanExporter()
const sdk = new NodeSDK({
  spanProcessors: [new SimpleSpanProcessor({ exporter })],
  spanLimits: { linkCountLimit: 1000 },
  metricReaders: [],
  logRecordProcessors: [],
})
let stack: Stack
let config: Config

beforeAll(async () => {
  sdk.start()
  stack = await startStack()
})
afterAll(async () => {
  await stack.close()
  await sdk.shutdown()
})
beforeEach(async () => {
  await seedDocuments(stack.owner)
  config = stack.config()
  exporter.reset()
})

async function withQueue(run: (queue: OpenProducer) => Promise<void>): Promise<void> {
  const queue = await openProducer(config, { lifetimeMs: 600_000, tracing: true })
  try {
    await run(queue)
  } finally {
    await queue.close()
  }
}

async function withWorkers(run: () => Promise<void>): Promise<void> {
  const workers: Running = await startWorkers(config, { tracing: true })
  try {
    await run()
  } finally {
    await workers.close()
  }
}

const spansOf = (traceId: string) =>
  exporter.getFinishedSpans().filter((span) => span.spanContext().traceId === traceId)
const named = (spans: readonly ReadableSpan[], name: string) => spans.filter((span) => span.name === name)
const traceOf = (commandId: string) => {
  const admitted = named(exporter.getFinishedSpans(), 'jobwarden.admit').find(
    ({ attributes }) => attributes['jobwarden.command.id'] === commandId,
  )
  if (admitted === undefined) throw new Error(`no trace of ${commandId}`)
  return spansOf(admitted.spanContext().traceId)
}

/** Whether every span but the root hangs below another span of the same trace. */
function isOneTree(spans: readonly ReadableSpan[]): boolean {
  const ids = new Set(spans.map((span) => span.spanContext().spanId))
  return spans.filter(({ parentSpanContext }) => !ids.has(parentSpanContext?.spanId ?? '')).length === 1
}

test('one trace tells the whole story of an executed command', async () => {
  const command = aCommand()
  await withQueue((queue) =>
    withWorkers(async () => {
      await queue.producer.enqueue([command])
      await outcomesOf(stack.owner, [command.id])
    }),
  )
  const spans = traceOf(command.id)
  const names = new Set(spans.map(({ name }) => name))
  for (const step of ['enqueue', 'admit', 'load', 'decide', 'commit']) expect(names).toContain(`jobwarden.${step}`)
  expect(names).toContain('addBulk jobwarden-commands')
  expect(names).toContain('process jobwarden-commands')
  expect(isOneTree(spans)).toBe(true)
  const admit = named(spans, 'jobwarden.admit').find(({ attributes }) => 'jobwarden.command.id' in attributes)
  expect(admit?.attributes).toMatchObject({
    'jobwarden.command.id': command.id,
    'jobwarden.command.action': 'read',
    'jobwarden.command.producer': 'test-producer',
    'jobwarden.user.id': 'user_123',
    'jobwarden.resource.id': 'resource_1',
  })
  const decide = named(spans, 'jobwarden.decide').find(({ attributes }) => 'jobwarden.decision' in attributes)
  expect(decide?.attributes).toMatchObject({
    'jobwarden.policy.path': 'jobs/decisions',
    'jobwarden.decision': 'allow',
    'jobwarden.policy.revision': expect.stringMatching(/./),
  })
})

test('one trace tells the whole story of a denied command, up to its record in the audit trail', async () => {
  const command = aCommand({ user: PEOPLE.guest, action: 'delete' })
  await withQueue((queue) =>
    withWorkers(async () => {
      await queue.producer.enqueue([command])
      await eventually(async () => ((await trailIds(stack.owner)).includes(command.id) ? true : undefined))
    }),
  )
  const spans = traceOf(command.id)
  const names = new Set(spans.map(({ name }) => name))
  for (const step of ['enqueue', 'admit', 'load', 'decide', 'commit', 'publish', 'audit'])
    expect(names).toContain(`jobwarden.${step}`)
  expect(names).toContain('process jobwarden-audit')
  expect(isOneTree(spans)).toBe(true)
  const decide = named(spans, 'jobwarden.decide').find(({ attributes }) => 'jobwarden.decision' in attributes)
  expect(decide?.attributes).toMatchObject({
    'jobwarden.decision': 'deny',
    'jobwarden.decision.reasons': expect.arrayContaining(['role_may_not_delete']),
  })
  const commit = named(spans, 'jobwarden.commit').find(({ attributes }) => 'jobwarden.outcome' in attributes)
  expect(commit?.attributes).toMatchObject({ 'jobwarden.outcome': 'denied' })
  const [record] = await listRecords(stack.owner, { userId: 'guest_1', limit: 1 })
  expect(record?.trace_id).toBe(spans[0]?.spanContext().traceId)
})

test('a batch of 50 is one span that is linked to its 50 jobs', async () => {
  const commands = Array.from({ length: 50 }, () => aCommand())
  await withQueue(async (queue) => {
    for (const command of commands) await queue.producer.enqueue([command])
    await withWorkers(
      async () =>
        void (await outcomesOf(
          stack.owner,
          commands.map(({ id }) => id),
        )),
    )
  })
  const [batch] = named(exporter.getFinishedSpans(), 'jobwarden.batch')
  expect(batch?.attributes['messaging.batch.message_count']).toBe(50)
  expect(batch?.links).toHaveLength(50)
  expect(new Set(batch?.links.map(({ context }) => context.traceId)).size).toBe(50)
  expect(new Set(batch?.links.map(({ attributes }) => attributes?.['messaging.message.id']))).toEqual(
    new Set(commands.map(({ id }) => id)),
  )
  for (const { id } of commands) expect(isOneTree(traceOf(id))).toBe(true)
})

test('no span carries a signature, a key or the content of a resource', async () => {
  const command = aCommand({ action: 'update', patch: { data: 'canary-content' } })
  const read = aCommand()
  await withQueue((queue) =>
    withWorkers(async () => {
      await queue.producer.enqueue([command, read])
      await outcomesOf(stack.owner, [command.id, read.id])
    }),
  )
  const told = JSON.stringify(
    exporter.getFinishedSpans().map(({ name, attributes, events, status }) => ({ name, attributes, events, status })),
  )
  expect(told).toContain(command.id)
  for (const secret of ['canary-content', 'sensitive information', 'eyJ', Buffer.alloc(32, 7).toString('base64url')])
    expect(told).not.toContain(secret)
})
