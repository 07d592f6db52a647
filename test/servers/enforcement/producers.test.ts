import { generateKeyPairSync } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { z } from 'zod'
import type { Config } from '../../../src/config/settings.ts'
import type { Command } from '../../../src/domain/command.ts'
import { NO_LIMITS, type ProducerLimits } from '../../../src/domain/producer-limits.ts'
import type { Running } from '../../../src/process/run-process.ts'
import { openProducer } from '../../../src/producer/open-producer.ts'
import { type ProducerJwk, ProducerKeys } from '../../../src/signing/producer-keys.ts'
import { listRecords } from '../../../src/storage/trail/list-records.ts'
import { createLogger } from '../../../src/telemetry/logger.ts'
import { startAuditor } from '../../../workers/auditor.ts'
import { startAuthorizer } from '../../../workers/authorizer.ts'
import { freePort } from '../../../devkit/free-port.ts'
import { PEOPLE, aCommand } from '../../support/a-command.ts'
import { type KeyServer, startKeyServer } from '../../support/key-server.ts'
import { eventually, outcomesOf, recordedOutcomes } from '../../support/ledger.ts'
import { runCli } from '../../support/run-cli.ts'
import { type Stack, seedDocuments, startStack } from '../../support/stack.ts'

let stack: Stack
let config: Config
let workers: Running
let auditor: Running
let workersFile: string
let probePort: number
let keyServer: KeyServer

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

/** What the workers' file says of keys that the URL serves. */
const shop = { producer: 'shop', kids: ['shop-*'], may: { ...NO_LIMITS, users: ['user_*'] } }

/** A key pair, and its public part as a URL serves it. */
function pairOf(kid: string) {
  const { x = '', d = '' } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })
  const served = { kty: 'OKP', crv: 'Ed25519', kid, x } as const
  return { served, own: { ...served, alg: 'EdDSA', d } as const }
}

beforeAll(async () => {
  stack = await startStack()
  await seedDocuments(stack.owner)
  keyServer = await startKeyServer()
})
afterAll(async () => {
  await keyServer.close()
  await stack.close()
})
beforeEach(async () => {
  workersFile = join(await stack.workspace.folder('workers'), 'producer-keys.json')
  await keep([orders, old])
  serve()
  probePort = await freePort()
  config = stack.config({
    JOBWARDEN_PRODUCER_KEYS_FILE: workersFile,
    JOBWARDEN_PRODUCER_KEYS_URL: keyServer.url,
    JOBWARDEN_PROBE_PORT: String(probePort),
  })
  workers = await startAuthorizer({ config, log })
  auditor = await startAuditor({ config: { ...config, probePort: undefined }, log })
})
afterEach(async () => void (await Promise.all([workers.close(), auditor.close()])))

/** Replaces the workers' file as a mounted secret is replaced: at once. */
async function keep(keys: readonly ProducerJwk[] | string): Promise<void> {
  const next = `${workersFile}.next`
  await writeFile(next, typeof keys === 'string' ? keys : JSON.stringify({ keys, served: [shop] }))
  await rename(next, workersFile)
}

/** Has the URL serve the public parts of these from now on; workers see it within two seconds. */
function serve(...keys: readonly ReturnType<typeof pairOf>[]): void {
  keyServer.serve(
    keys.map(({ served }) => served),
    { 'cache-control': 'max-age=2' },
  )
}

/** Enqueues as a producer that has this key, whatever the workers think of it. */
async function enqueueAs(key: ProducerJwk, commands: readonly Command[]): Promise<string[]> {
  const file = join(await stack.workspace.folder(`as-${key.kid}`), 'key.json')
  await writeFile(file, JSON.stringify({ keys: [{ ...key, until: undefined }] }))
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
  return { outcome: record.outcome, producer: record.producer, codes: record.reason_codes }
}

/** How a job has ended, in the ledger or as no command in the trail. */
function recordedEnd(jobId: string): Promise<string> {
  return eventually(async () => {
    const recorded = (await recordedOutcomes(stack.owner, [jobId])).get(jobId)?.outcome
    const records = await listRecords(stack.owner, { limit: 1_000 })
    return recorded ?? records.find(({ job_id: id }) => id === jobId)?.outcome
  })
}

/** What `/readyz` tells of the keys. */
async function keysOf(): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${probePort}/readyz`)
  return z.object({ producers: z.unknown() }).parse(await response.json()).producers
}

/** Resolves once the worker knows these keys and minds nothing. */
async function known(...keys: readonly { readonly kid: string }[]): Promise<void> {
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

const some = () => Array.from({ length: 400 }, () => aCommand())

/** Sees that every command was executed, and was signed by this producer. */
async function allExecuted(ids: readonly string[], producer: string): Promise<void> {
  const outcomes = await outcomesOf(stack.owner, ids)
  expect(new Set([...outcomes.values()].map(({ outcome }) => outcome))).toEqual(new Set(['executed']))
  const { rows } = await sql<{ producer: string; commands: number }>`
    select producer, count(*)::int as commands from ledger.commands
    where id in (select jsonb_array_elements_text(${JSON.stringify(ids)}::jsonb)) group by producer`.execute(
    stack.owner,
  )
  expect(rows).toEqual([{ producer, commands: ids.length }])
}

test('a key is rotated under load, without a restart: every command has its outcome under the name of the producer', async () => {
  const newFile = join(await stack.workspace.folder('orders'), 'next.json')
  const before = enqueueAs(orders, some())
  const rotate = ['keys', 'rotate', '--into', workersFile, '--kid', 'orders', '--new-kid', 'orders-2', '--out', newFile]
  expect(await runCli('cli/jobwarden.ts', rotate)).toMatchObject({ status: 0 })
  const [next] = ProducerKeys.parse(JSON.parse(await readFile(newFile, 'utf8'))).keys
  if (next === undefined) throw new Error('no key was written')
  await known(orders, next, old)
  const ids = await Promise.all([before, enqueueAs(orders, some()), enqueueAs(next, some())])
  await allExecuted(ids.flat(), 'orders')
  await keep([next])
  await known(next)
  const [late = ''] = await enqueueAs(orders, [aCommand()])
  expect(await endOf(late)).toMatchObject({ outcome: 'invalid', codes: ['unknown_producer'] })
})

test('the URL rotates a key under load: every command has its outcome, and the key that is gone counts no more', async () => {
  const [first, second] = [pairOf('shop-1'), pairOf('shop-2')]
  serve(first)
  await known(orders, old, first.own)
  const before = enqueueAs(first.own, some())
  serve(first, second)
  await known(orders, old, first.own, second.own)
  const ids = await Promise.all([before, enqueueAs(first.own, some()), enqueueAs(second.own, some())])
  await allExecuted(ids.flat(), 'shop')
  const [beyond = ''] = await enqueueAs(second.own, [aCommand({ user: PEOPLE.admin })])
  expect(await endOf(beyond)).toEqual({ outcome: 'invalid', producer: 'shop', codes: ['producer_may_not'] })
  serve(second)
  await known(orders, old, second.own)
  const [late = ''] = await enqueueAs(first.own, [aCommand()])
  expect(await endOf(late)).toMatchObject({ outcome: 'invalid', codes: ['unknown_producer'] })
})

test('a key counts until the moment at which it retires, also while its URL is down', async () => {
  const at = new Date(Date.now() + 6_000).toISOString()
  const pair = pairOf('shop-1')
  serve(pair)
  await known(orders, old, pair.own)
  expect(
    await runCli('cli/jobwarden.ts', ['keys', 'retire', '--into', workersFile, '--producer', 'shop', '--at', at]),
  ).toMatchObject({ status: 0 })
  keyServer.answer((request) => void request.socket.destroy())
  await allExecuted(await enqueueAs(pair.own, [aCommand()]), 'shop')
  const refused = await eventually(async () => {
    const [id = ''] = await enqueueAs(pair.own, [aCommand()])
    return (await recordedEnd(id)) === 'executed' ? undefined : endOf(id)
  })
  expect(refused).toMatchObject({ outcome: 'invalid', codes: ['retired_producer'] })
  expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(at))
  expect(JSON.stringify(await keysOf())).toContain('JW_KEYS_UNAVAILABLE')
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
