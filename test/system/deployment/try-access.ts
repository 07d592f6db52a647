// Tries every operation of docs/access.md with the credentials of every role, inside the Compose network, and prints what
// succeeded: {"<server>": {"<operation>": {"<role>": "yes" | "no"}}}. The test hands it to a Node in the console's container.
import { readFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import { Client } from 'pg'

const ROLES = ['producer', 'worker', 'auditor', 'reader', 'nobody'] as const
type Role = (typeof ROLES)[number]
type Attempt = (role: Role) => Promise<boolean>

const secret = (file: string) => readFileSync(`/secrets/${file}`, 'utf8').trim()

/** Refusals are what is looked for; anything else is a defect of this file. */
async function allowed(attempt: () => Promise<unknown>, refusal: RegExp): Promise<boolean> {
  try {
    await attempt()
    return true
  } catch (error) {
    const why = error instanceof Error ? `${error.message} ${String(error.cause)}` : String(error)
    if (refusal.test(why)) return false
    throw error
  }
}

const COMMANDS = 'jobwarden:jobwarden-commands'
const DENIALS = 'jobwarden:jobwarden-audit'

const redis: Record<string, Attempt> = Object.fromEntries(
  Object.entries({
    'add a command': ['lpush', `${COMMANDS}:tried`, 'x'],
    'take commands': ['rpoplpush', `${COMMANDS}:tried`, `${COMMANDS}:tried`],
    'list commands': ['zrange', `${COMMANDS}:tried-set`, '0', '-1'],
    'read a job by its id': ['hget', `${COMMANDS}:tried-job`, 'returnvalue'],
    'change a job, or forge one': ['hset', `${COMMANDS}:tried-job`, 'data', 'x'],
    'pause the queue': ['hset', `${COMMANDS}:tried-meta`, 'paused', '1'],
    'remove jobs': ['del', `${COMMANDS}:tried-job`],
    'add a denial': ['lpush', `${DENIALS}:tried`, 'x'],
    'take denials': ['rpoplpush', `${DENIALS}:tried`, `${DENIALS}:tried`],
    'list denials': ['zrange', `${DENIALS}:tried-set`, '0', '-1'],
    'read the job of a denial by its id': ['hget', `${DENIALS}:tried-job`, 'returnvalue'],
    'run Lua, also without end': ['eval', 'return 1', '0'],
    'administer Redis': ['config', 'get', 'maxmemory'],
  }).map(([operation, [command = '', ...args]]) => [
    operation,
    (role: Role) =>
      allowed(async () => {
        const client = new Redis('redis://redis:6379', {
          lazyConnect: true,
          enableReadyCheck: false,
          ...(role !== 'nobody' && { username: role, password: secret(`redis/${role}.password`) }),
        })
        client.on('error', () => undefined)
        try {
          await client.call(command, ...args)
        } finally {
          client.disconnect()
        }
      }, /NOPERM|NOAUTH/),
  ]),
)

const LOGINS: Readonly<Partial<Record<Role, string>>> = {
  worker: 'authorizer-database-url',
  auditor: 'auditor-database-url',
  reader: 'reader-database-url',
}

const COMMAND_ROW = `insert into ledger.commands
  (id, command_digest, producer, queue, user_id, user_role, action, resource_type, outcome, effect, detail, issued_at, expires_at)
  values ('tried', '', '', '', '', '', 'read', 'document', 'denied', false, '{}', now(), now())`
const RECORD_ROW = `insert into audit.records (id, outcome, reason_codes, queue, occurred_at)
  values ('tried', 'denied', '{}', '', now())`

const postgres: Record<string, Attempt> = Object.fromEntries(
  Object.entries({
    'read and change resources': "update resources.documents set name = name where id = 'tried' returning id",
    'record an outcome': COMMAND_ROW,
    'change an outcome': "update ledger.commands set outcome = 'executed'",
    'read outcomes': 'select id from ledger.commands limit 1',
    'append to the trail': RECORD_ROW,
    'change the trail': 'delete from audit.records',
    'read the trail': 'select id from audit.records limit 1',
    'change the schema': 'create table ledger.tried (id text)',
  }).map(([operation, statement]) => [
    operation,
    (role: Role) =>
      allowed(async () => {
        const login = LOGINS[role]
        const url = login === undefined ? `postgresql://${role}@postgres:5432/jobwarden` : secret(login)
        const client = new Client({ connectionString: url, ...(login === undefined && { password: '' }) })
        await client.connect()
        try {
          await client.query('begin')
          await client.query(statement)
        } finally {
          await client.query('rollback').catch(() => undefined) // Nothing that is tried here may stay.
          await client.end()
        }
      }, /permission denied|authentication failed|empty password|does not exist|must be a string/),
  ]),
)

const TOKENS: Readonly<Partial<Record<Role, string>>> = { worker: 'sidecar-token', auditor: 'auditor-token' }

const REPORT = JSON.stringify({ labels: { id: 'tried' }, bundles: { production: { name: 'production' } } })

const bundles: Record<string, Attempt> = Object.fromEntries(
  Object.entries({
    'pull bundles': ['GET', '/bundles/production'],
    'push bundles': ['PUT', '/bundles/production'],
    'report what a sidecar runs': ['POST', '/status/production'],
    'read status and activations': ['GET', '/bundles/production/status'],
  }).map(([operation, [method = '', path = '']]) => [
    operation,
    async (role: Role) => {
      const token = TOKENS[role]
      const response = await fetch(`http://bundles:8383${path}`, {
        method,
        headers: token === undefined ? {} : { authorization: `Bearer ${secret(token)}` },
        ...(method !== 'GET' && { body: REPORT }),
      })
      // What is tried is not always well-formed: only who may try at all counts.
      return response.status !== 401 && response.status !== 403
    },
  ]),
)

// From the network, with whatever credentials; the worker and who stands in its pod are tried there.
const reachesOpa = allowed(() => fetch('http://pod:8181/health'), /fetch failed/)
const opa: Record<string, Attempt> = Object.fromEntries(
  ['ask for decisions', 'ask for filters', 'ask anything else', 'read policies', 'read data', 'write policies'].map(
    (operation) => [operation, () => reachesOpa],
  ),
)

const answer: Record<string, Record<string, Record<string, 'yes' | 'no'>>> = {}
for (const [server, operations] of Object.entries({
  OPA: opa,
  Redis: redis,
  PostgreSQL: postgres,
  'Bundle server': bundles,
})) {
  const rows: Record<string, Record<string, 'yes' | 'no'>> = {}
  for (const [operation, attempt] of Object.entries(operations)) {
    const row: Record<string, 'yes' | 'no'> = {}
    for (const role of ROLES) row[role] = (await attempt(role)) ? 'yes' : 'no'
    rows[operation] = row
  }
  answer[server] = rows
}
// A login that the driver gives up on keeps its socket for as long as PostgreSQL waits for the rest: a minute.
process.stdout.write(JSON.stringify(answer), () => process.exit())
