import { cp, mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { runProgram } from '../../../src/process/run-program.ts'
import { type Stack, startStack } from '../../support/stack.ts'

/** The Nodes that it runs under, as packages of npm. */
const NODES = { 22: '22.23.3', 24: '24.21.0' } as const
const INSTALLING_MS = 240_000

let stack: Stack
/** An empty project that has installed the package, as a service does. */
let project: string

const npm = (args: readonly string[], cwd: string) => runProgram('npm', args, { cwd, timeoutMs: INSTALLING_MS })

beforeAll(async () => {
  stack = await startStack()
  project = await stack.workspace.folder('project')
  await npm(['pack', '--pack-destination', project], process.cwd())
  const tarball = (await readdir(project)).find((name) => name.endsWith('.tgz'))
  await writeFile(join(project, 'package.json'), JSON.stringify({ name: 'service', type: 'module', private: true }))
  await npm(['install', '--no-audit', '--no-fund', `./${tarball}`, 'zod@4.6.7', '@types/node@24.19.2'], project)
  // Here no compiler sees it: what it imports is there only once the package is installed.
  await cp('test/system/package/consumer.txt', join(project, 'consumer.ts'))
  await cp('test/system/package/loaded-by-producer.txt', join(project, 'loaded-by-producer.js'))
}, INSTALLING_MS * 2)
afterAll(() => stack.close())

/** That Node, installed in a folder of its own so that the project keeps to what it needs. */
async function nodeOf(version: string): Promise<string> {
  const folder = join(stack.workspace.path, `node-${version}`)
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'package.json'), '{"private":true,"allowScripts":{"node":true}}')
  await npm(['install', '--no-audit', '--no-fund', `node@${version}`], folder)
  return join(folder, 'node_modules/node/bin/node')
}

const compile = (file: string) => {
  const strict = ['--strict', '--exactOptionalPropertyTypes', '--skipLibCheck', '--target', 'ES2023']
  return runProgram(
    join(process.cwd(), 'node_modules/.bin/tsc'),
    [...strict, '--module', 'nodenext', '--types', 'node', file],
    { cwd: project },
  )
}

test('a strict consumer compiles against it, and one that asks for what there is not does not', async () => {
  await compile('consumer.ts')
  expect(await readdir(project)).toContain('consumer.js')
  const wrong =
    "import type { CommandRequest } from 'jobwarden/producer'\nexport const action: CommandRequest['action'] = 'fly'\n"
  await writeFile(join(project, 'wrong.ts'), wrong)
  await expect(compile('wrong.ts')).rejects.toThrow(/'"fly"' is not assignable/)
})

test.each(Object.values(NODES))(
  'a service enqueues, works with a resource type of its own and asks for results, under Node %s',
  { timeout: INSTALLING_MS },
  async (version) => {
    await sql`create table if not exists resources.notes
      (id text primary key, owner text not null, body text, version bigint not null default 1)`.execute(stack.owner)
    await sql`grant select, update, delete on resources.notes to jobwarden_authorizer`.execute(stack.owner)
    await sql`insert into resources.notes (id, owner, body) values ('note_1', 'user_123', 'hello') on conflict do nothing`.execute(
      stack.owner,
    )
    const { PATH = '', HOME = '' } = process.env
    const stdout = await runProgram(await nodeOf(version), ['consumer.js'], {
      cwd: project,
      env: { PATH, HOME, ...stack.env() },
    })
    expect(JSON.parse(stdout)).toMatchObject([
      { outcome: 'executed', rows: [{ id: 'note_1', owner: 'user_123', body: 'hello' }] },
      { outcome: 'denied' },
    ])
  },
)

test('the library for producers loads nothing of OPA, PostgreSQL or the servers', async () => {
  const stdout = await runProgram(process.execPath, ['loaded-by-producer.js'], { cwd: project })
  const loaded = z.array(z.string()).parse(JSON.parse(stdout))
  expect(loaded.filter((url) => url.includes('/jobwarden/dist/src/producer/'))).not.toEqual([])
  const unwanted =
    /node_modules\/(pg|pg-pool|kysely|undici|opossum|execa|commander|fastify|@electric-sql|@opentelemetry\/sdk-node)\//
  expect(loaded.filter((url) => unwanted.test(url))).toEqual([])
  expect(
    loaded.filter((url) => /\/jobwarden\/dist\/(workers|cli|devkit|src\/(enforcement|pdp|http))\//.test(url)),
  ).toEqual([])
})

test('the command runs by npx, and makes a key', async () => {
  const key = join(project, 'key.json')
  await runProgram('npx', ['jobwarden', 'keys', 'make', '--kid', 'orders', '--out', key], { cwd: project })
  expect(await readdir(project)).toContain('key.json')
  const stdout = await runProgram('npx', ['jobwarden', '--help'], { cwd: project })
  expect(stdout).toContain('enqueue')
})

test('what is packed is what its users need, and tools that judge packages find no fault', async () => {
  await npm(['run', 'lint:package'], process.cwd())
  const files = await readdir(join(project, 'node_modules/jobwarden'))
  expect(files.toSorted()).toEqual(
    ['CHANGELOG.md', 'LICENSE', 'README.md', 'bin', 'dist', 'docs', 'package.json'].toSorted(),
  )
})
