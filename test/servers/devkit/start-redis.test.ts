import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { runningServers } from '../../../devkit/server-process.ts'
import { startRedis } from '../../../devkit/start-redis.ts'
import { tcpExchange } from '../../../devkit/tcp-exchange.ts'
import { openWorkspace } from '../../../devkit/workspace.ts'
import { dockerOnly, requireImage } from './docker-only.ts'
import { requireNoServers } from './no-leaks.ts'

afterEach(requireNoServers)

const ask = (port: number, command: string) => tcpExchange(port, `${command}\r\n`, AbortSignal.timeout(2_000))

test('starts, never evicts, and leaves neither a process nor a folder behind', async () => {
  const workspace = await openWorkspace()
  const { port, url, server } = await startRedis({ workspace })
  expect(url).toBe(`redis://127.0.0.1:${port}`)
  expect(await ask(port, 'CONFIG GET maxmemory-policy')).toContain('noeviction')
  expect(runningServers()).toEqual([server])
  await workspace.close()
  expect(existsSync(workspace.path)).toBe(false)
})

test.for([
  { appendonly: true, verb: 'keeps', answer: '$3\r\none\r\n' },
  { appendonly: false, verb: 'loses', answer: '$-1\r\n' },
])('$verb what was written when it is killed with appendonly $appendonly', async ({ appendonly, answer }) => {
  await using workspace = await openWorkspace()
  const { port, server } = await startRedis({ workspace, appendonly, extraArgs: ['--appendfsync', 'always'] })
  await ask(port, 'SET key one')
  await server.kill('SIGKILL')
  await server.start()
  expect(await ask(port, 'GET key')).toBe(answer)
})

const ACL = 'user default off ~* &* +@all\nuser worker on >secret ~* +@all\n'

test('lets nobody in without a name when there is an ACL file', async () => {
  await using workspace = await openWorkspace()
  const aclFile = join(workspace.path, 'users.acl')
  await writeFile(aclFile, ACL)
  const { port } = await startRedis({ workspace, aclFile })
  expect(await ask(port, 'GET key')).toMatch(/^-NOAUTH/)
  expect(await ask(port, 'AUTH worker secret')).toBe('+OK\r\n')
})

test('says what Redis says when it does not start', async () => {
  await using workspace = await openWorkspace()
  const start = startRedis({ workspace, extraArgs: ['--no-such-option', 'yes'] })
  await expect(start).rejects.toThrow(/redis-server exited with status 1 .*\n[^]*Bad directive/)
})

test('says how to get Redis when there is neither redis-server nor docker', async () => {
  await using workspace = await openWorkspace()
  const start = startRedis({ workspace, folders: [] })
  await expect(start).rejects.toThrow(/redis-server is not on the PATH; docker was not found\nInstall Redis/)
})

describe('without redis-server', () => {
  beforeAll(() => requireImage('redis:8.2'))

  test('runs in a container that keeps its data when killed and is gone at the end', async () => {
    const said: string[] = []
    const workspace = await openWorkspace()
    const aclFile = join(workspace.path, 'users.acl')
    await writeFile(aclFile, ACL.replace('default off', 'default on nopass'), { mode: 0o644 })
    const folders = await dockerOnly(workspace)
    const { port, server } = await startRedis({
      workspace,
      folders,
      aclFile,
      appendonly: true,
      say: (line) => said.push(line),
    })
    expect(said).toEqual(['redis-server was not found; starting redis:8.2 with docker'])
    await ask(port, 'SET key one')
    await server.kill('SIGSTOP')
    await expect(ask(port, 'GET key')).rejects.toThrow('aborted')
    await server.kill('SIGKILL')
    await server.start()
    expect(await ask(port, 'GET key')).toBe('$3\r\none\r\n')
    await workspace.close()
    await expect(ask(port, 'PING')).rejects.toThrow('ECONNREFUSED')
  }, 20_000)
})
