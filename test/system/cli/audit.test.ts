import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createLogger } from '../../../src/telemetry/logger.ts'
import { startAuditor } from '../../../workers/auditor.ts'
import { eventually } from '../../support/ledger.ts'
import { runCli } from '../../support/run-cli.ts'
import { type Stack, startStack } from '../../support/stack.ts'

const ORIGIN = 'example.com/audit/test'

let stack: Stack
let key: string
let env: Record<string, string>

const inFolder = (name: string) => join(stack.workspace.path, name)
const audit = (...args: readonly string[]) => runCli('cli/jobwarden.ts', ['audit', ...args], { env })

async function deny(...ids: readonly string[]): Promise<void> {
  for (const id of ids)
    await sql`
      insert into ledger.commands (id, command_digest, producer, queue, user_id, user_role, action, resource_type,
        resource_id, outcome, effect, detail, issued_at, expires_at, recorded_at)
      values (${id}, 'd', 'orders', 'commands', 'user_77', 'guest', 'read', 'document', 'doc', 'denied', false,
        '{"reasons":[{"code":"not_owner","message":"no"}]}', now(), now(), now() - interval '1 minute')`.execute(
      stack.owner,
    )
}

const treeSize = async () =>
  (await sql<{ size: number }>`select coalesce(max(size), 0)::int as size from audit.checkpoints`.execute(stack.owner))
    .rows[0]?.size ?? 0

beforeAll(async () => {
  stack = await startStack()
  const made = await runCli('cli/jobwarden.ts', ['audit', 'keygen', '--out', inFolder('trail.pem'), '--origin', ORIGIN])
  key = made.stdout.trim()
  env = stack.env({ JOBWARDEN_TRAIL_KEY_FILE: inFolder('trail.pem'), JOBWARDEN_TRAIL_ORIGIN: ORIGIN })
  await deny('cmd-a', 'cmd-b')
  const config = stack.config({ ...env, JOBWARDEN_SWEEP_MS: '100', JOBWARDEN_SWEEP_GRACE_MS: '0' })
  const auditor = await startAuditor({ config, log: createLogger('auditor', 'silent') })
  stack.workspace.defer(() => auditor.close())
  await eventually(async () => ((await treeSize()) >= 2 ? true : undefined))
}, 120_000)
afterAll(() => stack.close())

test('keygen writes a key for its owner alone, and never over another', async () => {
  expect(key).toMatch(/^example\.com\/audit\/test\+[0-9a-f]{8}\+[A-Za-z0-9+/=]{44}$/)
  expect((await stat(inFolder('trail.pem'))).mode & 0o777).toBe(0o600)
  const pem = await readFile(inFolder('trail.pem'), 'utf8')
  expect(await audit('keygen', '--out', inFolder('trail.pem'), '--origin', ORIGIN)).toMatchObject({ status: 2 })
  expect(await readFile(inFolder('trail.pem'), 'utf8')).toBe(pem)
  const odd = await audit('keygen', '--out', inFolder('odd.pem'), '--origin', 'a b')
  expect(odd).toMatchObject({ status: 2, stdout: '', stderr: expect.stringContaining('--origin: the name of a key') })
})

test('a trail that an auditor lets grow verifies, for people and for programs', async () => {
  const text = await audit('verify', '--key', key)
  expect(text).toMatchObject({ status: 0, stderr: '' })
  expect(text.stdout).toMatch(/^\d+ leaves, root \S{44}\nall of it is what was signed\n$/)
  const json = await audit('verify', '--key', key, '--json')
  expect(JSON.parse(json.stdout)).toMatchObject({ size: await treeSize(), findings: [] })
})

test('a record is proven in a file that verifies without the database, by the public key alone', async () => {
  const file = inFolder('a.tlog-proof')
  expect(await audit('prove', 'cmd-a', '--key', key, '--out', file)).toMatchObject({ status: 0, stderr: '' })
  const offline = (...args: readonly string[]) => runCli('cli/jobwarden.ts', ['audit', 'verify-proof', ...args])
  const proven = await offline(file, '--key', key)
  expect(proven).toMatchObject({ status: 0, stderr: '' })
  expect(JSON.parse(proven.stdout)).toMatchObject({ record: { id: 'cmd-a', kind: 'denial', outcome: 'denied' } })
  expect(proven.stdout).not.toContain('user_77')

  const proof = await readFile(file, 'utf8')
  const [line = '', base64 = ''] = /^extra (.*)$/m.exec(proof) ?? []
  const forged = Buffer.from(base64, 'base64').toString().replace('"denied"', '"expired"')
  await writeFile(inFolder('forged'), proof.replace(line, `extra ${Buffer.from(forged).toString('base64')}`))
  expect(await offline(inFolder('forged'), '--key', key)).toMatchObject({
    status: 1,
    stdout: '',
    stderr: expect.stringContaining('does not show that the log has this leaf'),
  })
})

test('what the tree has no leaf of is not proven', async () => {
  expect(await audit('prove', 'nobody', '--key', key)).toMatchObject({
    status: 1,
    stderr: expect.stringContaining(`no leaf of "nobody"`),
  })
})

test('a checkpoint that somebody kept is shown to be the beginning of the tree of today', async () => {
  const kept = await audit('checkpoint')
  expect(kept.stdout).toMatch(new RegExp(`^${ORIGIN}\n\\d+\n`))
  await writeFile(inFolder('kept'), kept.stdout)
  const before = await treeSize()
  await deny('cmd-c', 'cmd-d', 'cmd-e')
  const after = await eventually(async () => ((await treeSize()) >= before + 3 ? treeSize() : undefined))
  const shown = await audit('consistency', inFolder('kept'), String(after), '--key', key, '--json')
  expect(shown).toMatchObject({ status: 0, stderr: '' })
  expect(JSON.parse(shown.stdout)).toMatchObject({ older: { size: before }, newer: { size: after } })
  expect(await audit('consistency', String(after), inFolder('kept'), '--key', key)).toMatchObject({ status: 2 })
  expect(await audit('consistency', '4711', String(after), '--key', key)).toMatchObject({ status: 2 })
})

describe('wrong flags and what is not there', () => {
  test.each([
    ['no key', ['verify'], 2, /--key/],
    ['a key that is none', ['verify', '--key', 'x'], 2, /--key: a verifier key is a name/],
    ['a proof that is not there', ['verify-proof', '/nowhere', '--key', '@'], 2, /cannot read the file/],
    [
      'a key of another log',
      ['verify', '--key', 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k'],
      1,
      /^$/,
    ],
  ])('%s', async (_what, args, status, stderr) => {
    const result = await audit(...args.map((arg) => (arg === '@' ? key : arg)))
    expect(result).toMatchObject({ status, stderr: expect.stringMatching(stderr) })
  })

  test('a database that is away', async () => {
    const away = { ...env, JOBWARDEN_DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/none' }
    expect(await runCli('cli/jobwarden.ts', ['audit', 'verify', '--key', key], { env: away })).toMatchObject({
      status: 3,
    })
  })
})

test('a user is erased, and the trail verifies as before', async () => {
  const size = await treeSize() // An auditor may make the leaf of the erasure before the command has ended.
  const erased = await audit('erase', '--user', 'user_77', '--reason', 'asked to', '--json')
  expect(erased).toMatchObject({ status: 0, stderr: '', stdout: '{"erased":5,"left":0}\n' })
  await eventually(async () => ((await treeSize()) > size ? true : undefined))
  expect(await audit('verify', '--key', key)).toMatchObject({ status: 0 })
  const denials = await runCli('cli/jobwarden.ts', ['denials', '--json'], { env })
  expect(denials.stdout).toContain('cmd-a')
  expect(denials.stdout).not.toContain('user_77')
})

test('tampering is exit status 1, with the first index and its record', async () => {
  await sql`update audit.records set queue = 'other' where id = 'cmd-b'`.execute(stack.owner)
  const found = await audit('verify', '--key', key)
  expect(found.status).toBe(1)
  expect(found.stdout).toMatch(/^\d +denial cmd-b +is not what its leaf was made of$/m)
  expect(await audit('prove', 'cmd-b', '--key', key, '--out', inFolder('b'))).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('JW_TRAIL_BROKEN'),
  })
})
