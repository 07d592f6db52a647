import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Running } from '../../../src/process/run-process.ts'
import { TEST_KEY } from '../../support/a-command.ts'
import { eventually, recordedOutcomes, trailIds } from '../../support/ledger.ts'
import { runCli } from '../../support/run-cli.ts'
import { type Stack, seedDocuments, startStack } from '../../support/stack.ts'
import { startWorkers } from '../../support/workers.ts'

let stack: Stack
let env: Record<string, string>
let workers: Running
let folder: string

const jobwarden = (args: readonly string[], input?: string, settings: Record<string, string> = env) =>
  runCli('cli/jobwarden.ts', args, { env: settings, ...(input !== undefined && { input }) })

beforeAll(async () => {
  stack = await startStack()
  await seedDocuments(stack.owner)
  env = stack.env()
  workers = await startWorkers(stack.config({ JOBWARDEN_QUEUE_PREFIX: env['JOBWARDEN_QUEUE_PREFIX'] ?? '' }))
  folder = join(stack.workspace.path, 'cli')
  await mkdir(folder)
})
afterAll(async () => {
  await workers.close()
  await stack.close()
})

const line = (id: string, rest: Record<string, unknown> = {}) =>
  JSON.stringify({
    id,
    user: { id: 'user_123', role: 'user' },
    action: 'read',
    resource: { type: 'document', id: 'resource_1' },
    ...rest,
  })

const outcomeOf = (id: string) => eventually(async () => (await recordedOutcomes(stack.owner, [id])).get(id)?.outcome)

describe('jobwarden enqueue', () => {
  test('enqueues one command from flags, which a worker then executes', async () => {
    const flags = ['--user', 'user_123', '--role', 'user', '--action', 'update', '--id', 'resource_1']
    const result = await jobwarden(['enqueue', ...flags, '--patch', '{"name":"by flags"}', '--command-id', 'by-flags'])
    expect(result).toEqual({ status: 0, stdout: '1 enqueued, 0 rejected\n', stderr: '' })
    expect(await outcomeOf('by-flags')).toBe('executed')
  })

  test('enqueues JSON lines, names the line and the fault of every rejected one, and says so in its status', async () => {
    const lines = [line('line-1'), '', '{"broken":', line('line-4', { action: 'fly' }), line('line-5', { sudo: true })]
    const result = await jobwarden(['enqueue'], `${lines.join('\n')}\n${line('line-6')}`)
    expect(result.status).toBe(1)
    expect(result.stdout).toBe('2 enqueued, 3 rejected\n')
    expect(result.stderr).toMatch(/^line 3: it is not JSON\nline 4: action: .*\nline 5: .*sudo.*\n$/)
    expect(await outcomeOf('line-1')).toBe('executed')
    expect(await outcomeOf('line-6')).toBe('executed')
  })

  test('takes thousands of lines in one call and is idempotent by command id', async () => {
    const ids = Array.from({ length: 2500 }, (_, index) => `many-${index}`)
    const input = ids.map((id) => line(id)).join('\n')
    const [first, second] = [await jobwarden(['enqueue', '--json'], input), await jobwarden(['enqueue'], input)]
    expect(JSON.parse(first.stdout)).toEqual({ enqueued: 2500, rejected: [] })
    expect(second.status).toBe(0)
    const recorded = await eventually(async () => {
      const found = await recordedOutcomes(stack.owner, ids)
      return found.size === ids.length ? found : undefined
    })
    expect(new Set([...recorded.values()].map(({ outcome }) => outcome))).toEqual(new Set(['executed']))
  })

  test.each([
    [['enqueue', '--action', 'fly'], /argument 'fly' is invalid/],
    [['enqueue', '--acton', 'read'], /unknown option '--acton'/],
    [['enqueue', '--lifetime', 'long'], /--lifetime long: must be a whole number of seconds/],
    [['enqueue', '--key', 'nobody'], /has no key "nobody"/],
    [['enqueue', '--action', 'update', '--patch', '{'], /--patch: is not JSON/],
    [['frobnicate'], /unknown command/],
  ])('refuses %j with a clear word and status 2', async (args, complaint) => {
    const result = await jobwarden(args, '')
    expect(result.stderr).toMatch(complaint)
    expect(result.status).toBe(2)
  })

  test('says that Redis is not there, and ends with status 3', async () => {
    const result = await jobwarden(['enqueue'], line('x'), { ...env, JOBWARDEN_REDIS_URL: 'redis://127.0.0.1:1' })
    expect(result.status).toBe(3)
    expect(result.stderr).toMatch(/JW_QUEUE_UNAVAILABLE: the queue did not accept the commands/)
  })

  test('a keys file with mistakes is named with the place of each, and none of its content', async () => {
    const file = join(folder, 'bad-keys.json')
    await writeFile(file, '{"keys":[{"kty":"oct","kid":"p","alg":"HS256","k":"c2hvcnQ"}]}')
    const result = await jobwarden(['enqueue'], '', { ...env, JOBWARDEN_PRODUCER_KEYS_FILE: file })
    expect(result.status).toBe(2)
    expect(result.stderr).toContain(`${file}:\n  keys.0.k: must hold at least 32 bytes`)
    expect(result.stderr).not.toContain('c2hvcnQ')
  })
})

describe('the key that signs', () => {
  const old = { ...TEST_KEY, kid: 'old', until: '2026-01-01T00:00:00Z' }

  test('is the first that has not ended', async () => {
    const file = join(folder, 'rotated.json')
    await writeFile(file, JSON.stringify({ keys: [old, TEST_KEY] }))
    const settings = { ...env, JOBWARDEN_PRODUCER_KEYS_FILE: file }
    expect((await jobwarden(['enqueue'], line('by-the-second'), settings)).status).toBe(0)
    expect(await outcomeOf('by-the-second')).toBe('executed')
    const refused = await jobwarden(['enqueue', '--key', 'old'], line('by-the-first'), settings)
    expect(refused).toMatchObject({ status: 2, stderr: expect.stringMatching(/has no key "old" that has not ended/) })
  })
})

describe('jobwarden denials', () => {
  beforeAll(async () => {
    const denied = { user: { id: 'guest_7', role: 'guest' } }
    await jobwarden(
      ['enqueue'],
      [line('cli-denied-1', denied), line('cli-denied-2', { ...denied, action: 'delete' })].join('\n'),
    )
    await eventually(async () => ((await trailIds(stack.owner)).includes('cli-denied-2') ? true : undefined))
  })

  test('lists the trail as a table, newest first', async () => {
    const { status, stdout } = await jobwarden(['denials', '--user', 'guest_7'])
    expect(status).toBe(0)
    const [head, ...rows] = stdout.trim().split('\n')
    expect(head).toMatch(/^when +outcome +user +action +resource +reasons +command$/)
    expect(rows).toHaveLength(2)
    expect(rows[0]).toMatch(/denied +guest_7 +(read|delete) +document\/resource_1 +\w+/)
  })

  test('lists it as JSON lines with reasons, revision and digest', async () => {
    const { stdout } = await jobwarden(['denials', '--json', '--reason', 'role_may_not_delete', '--since', '1h'])
    const records = stdout
      .trim()
      .split('\n')
      .map((text): unknown => JSON.parse(text))
    expect(records).toEqual([
      expect.objectContaining({
        id: 'cli-denied-2',
        action: 'delete',
        reasons: expect.arrayContaining([expect.objectContaining({ code: 'role_may_not_delete' })]),
        policy_revision: expect.stringMatching(/./),
      }),
    ])
  })

  test('says so when there is nothing', async () => {
    expect((await jobwarden(['denials', '--user', 'nobody'])).stdout).toBe('no denials\n')
  })

  test('refuses a wrong time', async () => {
    const { status, stderr } = await jobwarden(['denials', '--since', 'yesterday'])
    expect(status).toBe(2)
    expect(stderr).toMatch(/not a time such as/)
  })
})

describe('jobwarden result', () => {
  test('tells what became of a command, with the rows that a read has found', async () => {
    expect((await jobwarden(['enqueue'], line('to-tell'))).status).toBe(0)
    await outcomeOf('to-tell')
    const { status, stdout } = await jobwarden(['result', 'to-tell'])
    expect(status).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ outcome: 'executed', count: 1, rows: [{ id: 'resource_1' }] })
  })

  test('says so when there is no outcome, by its status too', async () => {
    const result = await jobwarden(['result', 'never-heard-of'])
    expect(result).toEqual({
      status: 1,
      stdout: '',
      stderr: expect.stringContaining('no outcome for "never-heard-of"'),
    })
  })

  test('needs the database of the workers', async () => {
    const { JOBWARDEN_DATABASE_URL: _url, ...without } = env
    const { status, stderr } = await jobwarden(['result', 'x'], undefined, without)
    expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringContaining('JOBWARDEN_DATABASE_URL') })
  })
})

describe('jobwarden keys', () => {
  test('writes the public part alone for workers, and a worker verifies with it', async () => {
    const [file, publicFile] = [join(folder, 'ed.json'), join(folder, 'ed-public.json')]
    const made = await jobwarden([
      'keys',
      'make',
      '--kid',
      'orders',
      '--alg',
      'EdDSA',
      '--out',
      file,
      '--public-out',
      publicFile,
    ])
    expect(made.status).toBe(0)
    expect(await readFile(publicFile, 'utf8')).not.toContain('"d"')
    const settings: Record<string, string> = { ...stack.env(), JOBWARDEN_PRODUCER_KEYS_FILE: file }
    const other = await startWorkers(
      stack.config({
        JOBWARDEN_QUEUE_PREFIX: settings['JOBWARDEN_QUEUE_PREFIX'] ?? '',
        JOBWARDEN_PRODUCER_KEYS_FILE: publicFile,
      }),
    )
    try {
      expect((await jobwarden(['enqueue'], line('by-eddsa'), settings)).status).toBe(0)
      expect(await outcomeOf('by-eddsa')).toBe('executed')
    } finally {
      await other.close()
    }
  })
})

describe('a worker process', () => {
  test.each(['workers/authorizer.ts', 'workers/auditor.ts'])(
    '%s names all that is wrong with its settings',
    async (file) => {
      const result = await runCli(file, [], { env: { JOBWARDEN_REDIS_ULR: 'x', JOBWARDEN_BATCH_MAX: '0' } })
      expect(result.status).toBe(1)
      expect(result.stderr).toMatch(/JW_CONFIG_INVALID:[^]*REDIS_ULR: there is no such setting[^]*BATCH_MAX/)
    },
  )

  test('the auditor does not start on an embedded database, which belongs to another process', async () => {
    const { status, stdout, stderr } = await runCli('workers/auditor.ts', [], { env: {} })
    expect(status).toBe(1)
    expect(stdout + stderr).toMatch(/JOBWARDEN_DATABASE_URL: the auditor works beside the authorizer/)
  })
})
