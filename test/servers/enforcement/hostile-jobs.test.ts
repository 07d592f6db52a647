import { createHmac, randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type OpenProducer, openProducer } from '../../../src/producer/open-producer.ts'
import type { Config } from '../../../src/config/settings.ts'
import type { Command } from '../../../src/domain/command.ts'
import type { Running } from '../../../src/process/run-process.ts'
import { COMMAND_QUEUE } from '../../../src/redis/queue-names.ts'
import { type AuditRecord, listRecords } from '../../../src/storage/trail/list-records.ts'
import { PEOPLE, TEST_KEY, aCommand } from '../../support/a-command.ts'
import { eventually, outcomesOf, recordedOutcomes } from '../../support/ledger.ts'
import { type RawJob, RawRedis } from '../../support/raw-redis.ts'
import { type Stack, seedDocuments, startStack } from '../../support/stack.ts'
import { startWorkers } from '../../support/workers.ts'

let stack: Stack
let config: Config
let workers: Running
let queue: OpenProducer
let raw: RawRedis

beforeAll(async () => {
  stack = await startStack()
  await seedDocuments(stack.owner)
})
afterAll(() => stack.close())
beforeEach(async () => {
  config = stack.config()
  workers = await startWorkers(config)
  queue = await openProducer(config, { lifetimeMs: 600_000, tracing: false })
  raw = new RawRedis(config)
})
afterEach(async () => {
  raw.close()
  await Promise.all([workers.close(), queue.close()])
})

const SECRET = Buffer.from(TEST_KEY.kty === 'oct' ? TEST_KEY.k : '', 'base64url')
const part = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

/** A JWS over any payload text, signed with the producer's real key unless told otherwise. */
function jws(payload: string, header: Record<string, unknown> = {}, secret: Buffer = SECRET): string {
  const signed = `${part({ alg: 'HS256', kid: 'test-producer', typ: 'jobwarden-command+jws', ...header })}.${part(payload)}`
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
}

const envelope = (command: unknown, queueName = COMMAND_QUEUE) => JSON.stringify({ queue: queueName, command })
const forbidden = (wanted: Parameters<typeof aCommand>[0] = {}) =>
  aCommand({ user: PEOPLE.admin, action: 'delete', ...wanted })
const job = (command: Command, data: string, rest: Partial<RawJob> = {}): RawJob => ({
  id: command.id,
  name: command.action,
  data: JSON.stringify(data),
  ...rest,
})
const signed = (command: Command, change: (text: string) => string = (text) => text) =>
  job(command, jws(change(envelope(command))))

async function recordOf(jobId: string): Promise<AuditRecord> {
  return eventually(async () => {
    const records = await listRecords(stack.owner, { limit: 1000 })
    return records.find(({ job_id: id }) => id === jobId)
  })
}

async function documents() {
  const { rows } = await sql<{ id: string; version: string }>`
    select id, version::text from resources.documents order by id`.execute(stack.owner)
  return rows
}

type Attack = () => RawJob
const attacks: readonly (readonly [string, Attack, string, string])[] = [
  ['unsigned JSON', () => ({ ...signed(forbidden()), data: envelope(forbidden()) }), 'invalid', 'unsigned'],
  ['nothing', () => ({ ...signed(forbidden()), data: '""' }), 'invalid', 'malformed_signature'],
  ['text that is not JSON', () => ({ ...signed(forbidden()), data: '{"a":' }), 'invalid', 'malformed_signature'],
  [
    '"alg":"none"',
    () => attack((c) => `${part({ alg: 'none' })}.${part(envelope(c))}.`),
    'invalid',
    'unknown_producer',
  ],
  [
    '"alg":"none" under a known key id',
    () =>
      attack(
        (c) => `${part({ alg: 'none', kid: 'test-producer', typ: 'jobwarden-command+jws' })}.${part(envelope(c))}.`,
      ),
    'invalid',
    'wrong_algorithm',
  ],
  ['a forged signature', () => attack((c) => jws(envelope(c), {}, Buffer.alloc(32, 1))), 'invalid', 'bad_signature'],
  [
    'a signature by an unregistered key',
    () => attack((c) => jws(envelope(c), { kid: 'mallory' })),
    'invalid',
    'unknown_producer',
  ],
  ['a signature of another type', () => attack((c) => jws(envelope(c), { typ: 'JWT' })), 'invalid', 'wrong_type'],
  [
    "a payload under another command's signature",
    () =>
      attack((c) =>
        [jws(envelope(aCommand())).split('.')[0], part(envelope(c)), jws(envelope(aCommand())).split('.')[2]].join('.'),
      ),
    'invalid',
    'bad_signature',
  ],
  [
    'a command of another queue',
    () => attack((c) => jws(envelope(c, 'billing-commands'))),
    'invalid',
    'queue_mismatch',
  ],
  ['a command under another id', () => ({ ...signed(forbidden()), id: randomUUID() }), 'invalid', 'id_mismatch'],
  ['a command under another name', () => ({ ...signed(forbidden()), name: 'read' }), 'invalid', 'name_mismatch'],
  [
    'an oversized command',
    () => attack((c) => jws(envelope({ ...c, note: 'x'.repeat(70_000) }))),
    'invalid',
    'oversized',
  ],
  ['an unknown field', () => attack((c) => jws(envelope({ ...c, sudo: true }))), 'invalid', 'schema'],
  [
    '__proto__',
    () => signed(forbidden(), (text) => text.replace('"user":', '"__proto__":{"role":"admin"},"user":')),
    'invalid',
    'forbidden_key',
  ],
  [
    '__proto__ in the user',
    () => signed(forbidden(), (text) => text.replace('"role":', '"__proto__":{"x":1},"role":')),
    'invalid',
    'forbidden_key',
  ],
  [
    'a duplicate key',
    () =>
      signed(forbidden({ user: PEOPLE.guest }), (text) =>
        text.replace('"role":"guest"', '"role":"guest","role":"admin"'),
      ),
    'invalid',
    'duplicate_key',
  ],
  [
    'deep nesting',
    () => attack((c) => jws(envelope({ ...c, x: JSON.parse(`${'['.repeat(40)}${']'.repeat(40)}`) }))),
    'invalid',
    'too_deep',
  ],
  [
    'a number where an id belongs',
    () => signed(forbidden(), (text) => text.replace('"id":"resource_1"', '"id":1')),
    'invalid',
    'schema',
  ],
  [
    'a NUL in an id',
    () => signed(forbidden(), (text) => text.replace('resource_1', 'resource_\\u0000')),
    'invalid',
    'schema',
  ],
  [
    'a lone surrogate in an id',
    () => signed(forbidden(), (text) => text.replace('resource_1', '\\ud800')),
    'invalid',
    'schema',
  ],
  [
    'an undeclared resource type',
    () => signed(forbidden({ resource: { type: 'users', id: '1' } })),
    'invalid',
    'unknown_resource_type',
  ],
  [
    'a patch of the owner',
    () => signed(aCommand({ action: 'update', patch: { owner: 'user_456' } })),
    'invalid',
    'patch',
  ],
  [
    'an issue time to come',
    () => signed(forbidden({ issuedAt: '2999-01-01T00:00:00Z', expiresAt: '2999-01-02T00:00:00Z' })),
    'invalid',
    'issued_in_future',
  ],
  [
    'an expired command',
    () => signed(forbidden({ issuedAt: '2020-01-01T00:00:00Z', expiresAt: '2020-01-02T00:00:00Z' })),
    'expired',
    'expired',
  ],
]

function attack(make: (command: Command) => string): RawJob {
  const command = forbidden()
  return job(command, make(command))
}

describe('a job written straight into Redis has no effect and names why, and its batch goes on:', () => {
  test.each(attacks)('%s', async (_what, make, outcome, code) => {
    const before = await documents()
    const honest = [aCommand(), aCommand({ user: PEOPLE.guest })]
    const hostile = make()
    await raw.push(hostile, ...(await Promise.all(honest.map(async (c) => job(c, await queue.sign(c))))))
    const record = await recordOf(hostile.id)
    expect(record).toMatchObject({ outcome, reasons: [{ code }] })
    const ended = await outcomesOf(
      stack.owner,
      honest.map(({ id }) => id),
    )
    expect(honest.map(({ id }) => ended.get(id)?.outcome)).toEqual(['executed', 'denied'])
    expect(await documents()).toEqual(before)
    expect((await recordedOutcomes(stack.owner, [hostile.id])).get(hostile.id)?.outcome ?? 'invalid').toBe(outcome)
  })
})

test('a command replayed under its own id keeps its outcome and has no second effect', async () => {
  const update = aCommand({ action: 'update', patch: { name: 'once' } })
  const jwsText = await queue.sign(update)
  await raw.push(job(update, jwsText))
  await outcomesOf(stack.owner, [update.id])
  const before = await documents()
  await eventually(async () => ((await raw.redis.zscore(raw.key('completed'), update.id)) === null ? undefined : true))
  await raw.redis.zrem(raw.key('completed'), update.id)
  const honest = aCommand()
  await raw.push(job(update, jwsText), job(honest, await queue.sign(honest)))
  await outcomesOf(stack.owner, [honest.id])
  await eventually(async () => ((await raw.redis.zscore(raw.key('completed'), update.id)) === null ? undefined : true))
  expect(await documents()).toEqual(before)
})

test('another command signed under a used id is invalid, and the first outcome stands', async () => {
  const read = aCommand()
  await queue.producer.enqueue([read])
  await outcomesOf(stack.owner, [read.id])
  await eventually(async () => ((await raw.redis.zscore(raw.key('completed'), read.id)) === null ? undefined : true))
  await raw.redis.zrem(raw.key('completed'), read.id)
  await raw.push(signed(forbidden({ id: read.id })))
  expect(await recordOf(read.id)).toMatchObject({ outcome: 'invalid', reasons: [{ code: 'id_reused' }] })
  expect((await recordedOutcomes(stack.owner, [read.id])).get(read.id)?.outcome).toBe('executed')
})

test('fields of a job that BullMQ would obey are ignored: repeat keys, parents, options, broken trace context', async () => {
  const victim = `${config.queuePrefix}:victim`
  const command = aCommand()
  const fields = {
    rjk: 'evil:id:::* * * * * *',
    parentKey: `${victim}:1`,
    parent: JSON.stringify({ id: '1', queueKey: victim }),
    opts: JSON.stringify({ attempts: 1_000_000, repeat: { every: 1 }, tm: 'not json', telemetry: { metadata: '{' } }),
  }
  await raw.push(job(command, await queue.sign(command), { fields }))
  await outcomesOf(stack.owner, [command.id])
  const scheduled = await raw.redis.zcard(raw.key('repeat'))
  expect(scheduled).toBe(0)
})

test('neither the key nor a value of what arrived stands in the trail', async () => {
  const canary = `canary-${randomUUID()}`
  const hostile = attack((command) => jws(envelope({ ...command, id: 7, password: canary, user: { id: canary } })))
  await raw.push(hostile)
  const record = JSON.stringify(await recordOf(hostile.id))
  expect(record).toContain('schema')
  expect(record).not.toContain(SECRET.toString('base64url'))
  expect(record).not.toContain(canary)
})
