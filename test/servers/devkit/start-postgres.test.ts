import { existsSync } from 'node:fs'
import { Client } from 'pg'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { startPostgres } from '../../../devkit/start-postgres.ts'
import { openWorkspace } from '../../../devkit/workspace.ts'
import { dockerOnly, requireImage } from './docker-only.ts'
import { requireNoServers } from './no-leaks.ts'

afterEach(requireNoServers)

async function connected(url: string): Promise<Client> {
  const client = new Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  return client
}

async function ask(url: string, sql: string): Promise<unknown> {
  const client = await connected(url)
  try {
    const result = await client.query<Record<string, unknown>>(sql)
    return Object.values(result.rows[0] ?? {})[0]
  } finally {
    await client.end()
  }
}

test('starts with fsync on, and leaves neither a process nor a folder behind', async () => {
  const workspace = await openWorkspace()
  const { url } = await startPostgres({ workspace })
  expect(await ask(url, 'show fsync')).toBe('on')
  expect(await ask(url, 'show server_encoding')).toBe('UTF8')
  expect(await ask(url, `select 'B' < 'a' collate "default"`)).toBe(true)
  await workspace.close()
  expect(existsSync(workspace.path)).toBe(false)
})

test('takes settings, and keeps its data over a crash, a fast and an immediate stop', async () => {
  await using workspace = await openWorkspace()
  const { url, server } = await startPostgres({ workspace, fsync: false, settings: { max_connections: '7' } })
  expect(await ask(url, 'show fsync')).toBe('off')
  expect(await ask(url, 'show max_connections')).toBe('7')
  await ask(url, 'create table kept as select 1 as one')
  for (const end of [() => server.kill('SIGKILL'), () => server.stop(), () => server.stop('SIGQUIT')]) {
    await end()
    await server.start()
    expect(await ask(url, 'select one from kept')).toBe(1)
  }
})

test('a freeze reaches the connections that are open', async () => {
  await using workspace = await openWorkspace()
  const { url, server } = await startPostgres({ workspace, fsync: false })
  const client = await connected(url)
  await server.kill('SIGSTOP')
  const answer = client.query('select 1')
  const first = await Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 150, 'silent'))])
  expect(first).toBe('silent')
  await server.kill('SIGCONT')
  expect((await answer).rowCount).toBe(1)
  await client.end()
})

test('says what PostgreSQL says when it does not start', async () => {
  await using workspace = await openWorkspace()
  const start = startPostgres({ workspace, settings: { no_such_setting: 'on' } })
  await expect(start).rejects.toThrow(/postgres exited with status 1 .*\n[^]*no_such_setting/)
})

test('says how to get PostgreSQL when there is neither it nor docker', async () => {
  await using workspace = await openWorkspace()
  const start = startPostgres({ workspace, folders: [] })
  await expect(start).rejects.toThrow(/postgres and initdb are not on the PATH; docker was not found\nInstall/)
})

describe('without its programs', () => {
  beforeAll(() => requireImage('postgres:18'))

  test('runs in a container that keeps its data when killed', async () => {
    await using workspace = await openWorkspace()
    const { url, server } = await startPostgres({ workspace, fsync: false, folders: await dockerOnly(workspace) })
    expect(await ask(url, 'show fsync')).toBe('off')
    await ask(url, 'create table kept as select 1 as one')
    await server.kill('SIGKILL')
    await server.start()
    expect(await ask(url, 'select one from kept')).toBe(1)
  }, 30_000)
})
