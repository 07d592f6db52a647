import { createServer } from 'node:net'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { freePort, onFreePort } from '../../../devkit/free-port.ts'

test('gives a port that a server can listen on', async () => {
  const port = await freePort()
  const server = createServer().listen(port, '127.0.0.1')
  await once(server, 'listening')
  expect(server.address()).toMatchObject({ port })
  server.close()
})

test('never gives the same port twice, nor one that outgoing connections use', async () => {
  const ports = await Promise.all(Array.from({ length: 50 }, freePort))
  expect(new Set(ports).size).toBe(50)
  expect(Math.max(...ports)).toBeLessThan(32_768)
})

test('starts on another port when a stranger took the first one', async () => {
  const tried: number[] = []
  const started = await onFreePort((port) => {
    tried.push(port)
    return tried.length === 1 ? Promise.reject(new Error('bind: Address already in use')) : Promise.resolve(port)
  })
  expect(tried).toHaveLength(2)
  expect(started).toBe(tried[1])
})

test('does not try again when the start failed for another reason', async () => {
  const ports: number[] = []
  const start = (port: number) => {
    ports.push(port)
    return Promise.reject(new Error('bad option'))
  }
  await expect(onFreePort(start)).rejects.toThrow('bad option')
  expect(ports).toHaveLength(1)
})
