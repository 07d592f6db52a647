import { createHash } from 'node:crypto'
import { mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { runningServers } from '../../../devkit/server-process.ts'
import { startRedis } from '../../../devkit/start-redis.ts'
import { type Workspace, openWorkspace } from '../../../devkit/workspace.ts'
import { askRedis } from '../../support/ask-redis.ts'
import { runCli } from '../../support/run-cli.ts'

let workspace: Workspace
let out: string
let passwords: string

beforeEach(async () => {
  workspace = await openWorkspace()
  out = join(workspace.path, 'users.acl')
  passwords = join(workspace.path, 'passwords')
})
afterEach(async () => {
  await workspace.close()
  expect(runningServers()).toEqual([])
})

function redisAcl(...flags: readonly string[]) {
  const env = { JOBWARDEN_QUEUE_PREFIX: '{queues}' }
  return runCli('cli/jobwarden.ts', ['redis', 'acl', '--out', out, '--passwords', passwords, ...flags], { env })
}

const passwordOf = async (user: string) => (await readFile(join(passwords, `${user}.password`), 'utf8')).trim()

test('writes users whom Redis takes, and passwords that only their owner may read', async () => {
  const { status, stdout } = await redisAcl('--topology', 'cluster', '--admin')
  expect([status, stdout]).toEqual([0, expect.stringContaining('producer, worker, auditor, reader, replica, admin\n')])
  for (const file of await readdir(passwords)) expect((await stat(join(passwords, file))).mode & 0o777).toBe(0o600)

  const { port } = await startRedis({ workspace, aclFile: out })
  const whoAmI = async (username: string) =>
    askRedis(port, (redis) => redis.ping(), { username, password: await passwordOf(username) })
  for (const user of ['producer', 'worker', 'auditor', 'reader', 'admin']) expect(await whoAmI(user)).toBe('PONG')
  await expect(askRedis(port, (redis) => redis.ping(), {})).rejects.toThrow(/NOAUTH/)
  const acl = await readFile(out, 'utf8')
  expect(acl).toContain('~{queues}:jobwarden-commands:*')
  for (const user of ['producer', 'worker', 'auditor', 'reader', 'replica', 'admin'])
    expect(acl).not.toContain(await passwordOf(user))
})

test('written again it keeps the passwords, takes given ones, and has no admin unless asked', async () => {
  await mkdir(passwords)
  await writeFile(join(passwords, 'worker.password'), 'a password of somebody’s own\n'.replaceAll(' ', '-'))
  expect((await redisAcl()).status).toBe(0)
  const first = await readFile(out, 'utf8')
  const again = await redisAcl()
  expect(again.stdout).toBe(`wrote ${out}: producer, worker, auditor, reader\n`)
  expect(await readFile(out, 'utf8')).toBe(first)
  const digest = createHash('sha256')
    .update(await passwordOf('worker'))
    .digest('hex')
  expect(first).toContain(`user worker on #${digest} `)
  expect(first).not.toMatch(/^user (admin|replica|sentinel) /m)
})

test('refuses a short password, names its file and quotes nothing of it', async () => {
  await mkdir(passwords)
  await writeFile(join(passwords, 'worker.password'), 'hunter2\n')
  const { status, stderr } = await redisAcl()
  expect(status).toBe(2)
  expect(stderr).toMatch(/^JW_CONFIG_INVALID: --passwords .*worker\.password: a password has at least 20 characters/)
  expect(stderr).not.toContain('hunter2')
})

test.each([
  [['redis', 'acl'], /required option '--out <file>'/],
  [
    ['redis', 'acl', '--out', 'x', '--passwords', 'y', '--topology', 'ring'],
    /Allowed choices are single, sentinel, cluster/,
  ],
] as const)('refuses %j with status 2', async (args, problem) => {
  const { status, stderr } = await runCli('cli/jobwarden.ts', args)
  expect([status, stderr]).toEqual([2, expect.stringMatching(problem)])
})
