import { afterEach, expect, test } from 'vitest'
import { freePort } from '../../../devkit/free-port.ts'
import { type ServerCommand, runningServers, startServer } from '../../../devkit/server-process.ts'
import { tcpExchange } from '../../../devkit/tcp-exchange.ts'
import { requireNoServers } from './no-leaks.ts'

afterEach(requireNoServers)

/** A server that answers `pong`. */
async function aServer(over: Partial<ServerCommand> = {}, before = ''): Promise<ServerCommand & { port: number }> {
  const port = await freePort()
  const serve = `require('node:net').createServer((s) => s.on('error', () => {}).end('pong')).listen(${port}, '127.0.0.1')`
  return {
    name: 'ponger',
    file: process.execPath,
    args: ['-e', `${before};${serve}`],
    isReady: async (signal) => (await tcpExchange(port, 'ping', signal)) === 'pong',
    port,
    ...over,
  }
}

test('resolves when the server answers, and lists it until it has stopped', async () => {
  const { port, ...command } = await aServer()
  const server = await startServer(command)
  expect(await tcpExchange(port, 'ping', AbortSignal.timeout(1_000))).toBe('pong')
  expect(runningServers()).toEqual([server])
  expect(server.pid).toBeGreaterThan(0)
  await server.stop()
  expect(server.pid).toBeUndefined()
  await server.stop()
})

test('fails at once with the last lines of stderr when the server ends early', async () => {
  const command = await aServer({}, `console.error('no such option: --fast'); process.exit(3)`)
  await expect(startServer(command)).rejects.toThrow(
    'ponger exited with status 3 before it was ready\n  no such option: --fast',
  )
})

test('fails when the program is not there', async () => {
  const command = await aServer({ file: '/nowhere/ponger' })
  await expect(startServer(command)).rejects.toThrow(/ponger could not be started \(.*ENOENT\)/)
})

test('ends a server that is not ready in time and says what the probe met', async () => {
  const isReady = () => Promise.reject(new Error('it answers 503'))
  const command = await aServer({ isReady, readyWithinMs: 300 })
  await expect(startServer(command)).rejects.toThrow('ponger was not ready within 0.3 s (it answers 503)')
})

test('does not wait for ever on a probe that never answers', async () => {
  const command = await aServer({ isReady: () => new Promise(() => {}), readyWithinMs: 300 })
  await expect(startServer(command)).rejects.toThrow('ponger was not ready within 0.3 s')
})

test('ends by force a server that does not stop in time', async () => {
  const { port, ...command } = await aServer({ stopWithinMs: 100 }, `process.on('SIGTERM', () => {})`)
  const server = await startServer(command)
  await server.stop()
  await expect(tcpExchange(port, 'ping', AbortSignal.timeout(1_000))).rejects.toThrow('ECONNREFUSED')
})

test('stops a frozen server in order', async () => {
  const { port, ...command } = await aServer({ stopWithinMs: 60_000 })
  const server = await startServer(command)
  await server.kill('SIGSTOP')
  await expect(tcpExchange(port, 'ping', AbortSignal.timeout(100))).rejects.toThrow('aborted')
  await server.stop()
})

test('answers again after a freeze', async () => {
  const { port, ...command } = await aServer()
  const server = await startServer(command)
  await server.kill('SIGSTOP')
  const answer = tcpExchange(port, 'ping', AbortSignal.timeout(5_000))
  await server.kill('SIGCONT')
  expect(await answer).toBe('pong')
  await server.stop()
})

test('starts again on its port after a crash', async () => {
  const { port, ...command } = await aServer()
  const server = await startServer(command)
  const { pid } = server
  await server.kill('SIGKILL')
  expect(runningServers()).toEqual([])
  await server.start()
  expect(server.pid).not.toBe(pid)
  expect(await tcpExchange(port, 'ping', AbortSignal.timeout(1_000))).toBe('pong')
  await expect(server.start()).rejects.toThrow('ponger runs already')
  await server.stop()
})
