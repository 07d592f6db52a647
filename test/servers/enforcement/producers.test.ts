import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { z } from 'zod'
import type { Config } from '../../../src/config/settings.ts'
import type { Command } from '../../../src/domain/command.ts'
import { NO_LIMITS, type ProducerLimits } from '../../../src/domain/producer-limits.ts'
import type { Running } from '../../../src/process/run-process.ts'
import { openProducer } from '../../../src/producer/open-producer.ts'
import type { ProducerJwk } from '../../../src/signing/producer-keys.ts'
import { listRecords } from '../../../src/storage/trail/list-records.ts'
import { createLogger } from '../../../src/telemetry/logger.ts'
import { startAuditor } from '../../../workers/auditor.ts'
import { startAuthorizer } from '../../../workers/authorizer.ts'
import { freePort } from '../../../devkit/free-port.ts'
import { PEOPLE, aCommand } from '../../support/a-command.ts'
import { eventually, outcomesOf } from '../../support/ledger.ts'
import { type Stack, seedDocuments, startStack } from '../../support/stack.ts'

let stack: Stack
let config: Config
let workers: Running
let auditor: Running
let workersFile: string
let probePort: number

const log = createLogger('test', 'silent')

/** A producer's key, and what the workers' file says that it may do. */
const keyOf = (kid: string, may: Partial<ProducerLimits> = {}, until?: string): ProducerJwk => ({
  kty: 'oct',
  kid,
  alg: 'HS256',
  k: Buffer.alloc(32, kid).toString('base64url'),
  may: { ...NO_LIMITS, ...may },
  ...(until !== undefined && { until }),
})

const orders = keyOf('orders', { actions: ['read'], users: ['user_*'], roles: ['user'], lifetimeMs: 3_600_000 })
const old = keyOf('old', {}, '2026-01-01T00:00:00Z')

beforeAll(async () => {
  stack = await startStack()
  await seedDocuments(stack.owner)
})
afterAll(() => stack.close())
beforeEach(async () => {
  workersFile = join(await stack.workspace.folder('workers'), 'producer-keys.json')
  await keep([orders, old])
  probePort = await freePort()
  config = stack.config({ JOBWARDEN_PRODUCER_KEYS_FILE: workersFile, JOBWARDEN_PROBE_PORT: String(probePort) })
  workers = await startAuthorizer({ config, log })
  auditor = await startAuditor({ config: { ...config, probePort: undefined }, log })
})
afterEach(async () => void (await Promise.all([workers.close(), auditor.close()])))

/** Replaces the workers' file as a mounted secret is replaced: at once. */
async function keep(keys: readonly ProducerJwk[] | string): Promise<void> {
  const next = `${workersFile}.next`
  await writeFile(next, typeof keys === 'string' ? keys : JSON.stringify({ keys }))
  await rename(next, workersFile)
}

/** Enqueues as a producer that has this key, whatever the workers think of it. */
async function enqueueAs(key: ProducerJwk, commands: readonly Command[]): Promise<string[]> {
  const file = join(await stack.workspace.folder(`as-${key.kid}`), 'key.json')
  await writeFile(file, JSON.stringify({ keys: [key] }))
  const opened = await openProducer({ ...config, producerKeysFile: file }, { lifetimeMs: 600_000, tracing: false })
  try {
    return [...(await opened.producer.enqueue(commands)).enqueued]
  } finally {
    await opened.close()
  }
}

/** The producer and the codes of the reasons with which a job ended in the trail. */
async function endOf(jobId: string) {
  const record = await eventually(async () =>
    (await listRecords(stack.owner, { limit: 1_000 })).find(({ job_id: id }) => id === jobId),
  )
  return { outcome: record.outcome, producer: record.producer, codes: record.reasons.map(({ code }) => code) }
}

/** What `/readyz` tells of the keys. */
async function keysOf(): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${probePort}/readyz`)
  return z.object({ producers: z.unknown() }).parse(await response.json()).producers
}

/** Resolves once the worker knows these keys and minds nothing. */
async function known(...keys: readonly ProducerJwk[]): Promise<void> {
  const wanted = { known: keys.map(({ kid }) => kid) }
  await eventually(async () => isDeepStrictEqual(await keysOf(), wanted) || undefined)
}

test.each<[string, Parameters<typeof aCommand>[0]]>([
  ["another's user", { user: PEOPLE.admin }],
  ['a role that it may not speak for', { user: { ...PEOPLE.user123, role: 'admin' } }],
  ['an action that it may not ask for', { action: 'delete' }],
  ['a collection by such an action', { action: 'delete', resource: { type: 'document' } }],
  ['a command that lives too long', { expiresAt: new Date(Date.now() + 7_200_000).toISOString() }],
])('outside its limits a producer gets nothing: %s', async (_what, wanted) => {
  const [id = ''] = await enqueueAs(orders, [aCommand(wanted)])
  expect(await endOf(id)).toEqual({ outcome: 'invalid', producer: 'orders', codes: ['producer_may_not'] })
})

test('within its limits a producer gets what the policies allow', async () => {
  const ids = await enqueueAs(orders, [aCommand(), aCommand({ user: PEOPLE.user456 })])
  const outcomes = await outcomesOf(stack.owner, ids)
  expect(ids.map((id) => outcomes.get(id)?.outcome)).toEqual(['executed', 'denied'])
})

test('a retired key, and one that nobody registered, sign nothing', async () => {
  const [retired = ''] = await enqueueAs(old, [aCommand()])
  const [stranger = ''] = await enqueueAs(keyOf('stranger'), [aCommand()])
  expect(await endOf(retired)).toMatchObject({ outcome: 'invalid', codes: ['retired_producer'] })
  expect(await endOf(stranger)).toMatchObject({ outcome: 'invalid', codes: ['unknown_producer'] })
})

test('a key is replaced under load, without a restart: every command has its outcome', async () => {
  const next = keyOf('orders-2027', { actions: ['read'] })
  const some = () => Array.from({ length: 400 }, () => aCommand())
  const before = await enqueueAs(orders, some())
  await keep([orders, next])
  await known(orders, next)
  const after = await enqueueAs(next, some())
  const outcomes = await outcomesOf(stack.owner, [...before, ...after])
  expect(new Set([...outcomes.values()].map(({ outcome }) => outcome))).toEqual(new Set(['executed']))
  await keep([next])
  await known(next)
  const [late = ''] = await enqueueAs(orders, [aCommand()])
  expect(await endOf(late)).toMatchObject({ outcome: 'invalid', codes: ['unknown_producer'] })
})

test.each([
  ['is broken', '{"keys":['],
  ['has no key', '{"keys":[]}'],
  ['names a producer twice', JSON.stringify({ keys: [orders, orders] })],
  ['has a limit that says nothing', JSON.stringify({ keys: [{ ...orders, may: { users: [] } }] })],
])('a file that %s changes nothing, and /readyz says so until it is mended', async (_how, text) => {
  await keep(text)
  await eventually(async () => JSON.stringify(await keysOf()).includes('JW_CONFIG_INVALID') || undefined)
  expect(JSON.stringify(await keysOf())).not.toContain(Buffer.alloc(32, 'orders').toString('base64url'))
  const ids = await enqueueAs(orders, [aCommand()])
  expect([...(await outcomesOf(stack.owner, ids)).values()]).toMatchObject([{ outcome: 'executed' }])
  await keep([orders])
  await known(orders)
})
