import { afterAll, beforeAll, expect, test } from 'vitest'
import { startHttpServer } from '../../../src/http/http-server.ts'
import { type ProbesOptions, probes } from '../../../src/http/probes.ts'
import { createLogger } from '../../../src/telemetry/logger.ts'
import { startAuthorizer } from '../../../workers/authorizer.ts'
import { freePort } from '../../../devkit/free-port.ts'
import { eventually } from '../../support/ledger.ts'
import { type Stack, startStack } from '../../support/stack.ts'

let stack: Stack
beforeAll(async () => {
  stack = await startStack()
})
afterAll(() => stack.close())

const startProbes = (options: ProbesOptions) =>
  startHttpServer({
    name: 'probe server',
    port: 0,
    host: '127.0.0.1',
    log: createLogger('test', 'silent'),
    routes: probes(options),
  })

async function probe(port: number, path: string, method = 'GET') {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { method })
  return { status: response.status, body: await response.json() }
}

test('a worker is alive, ready and healthy, and degraded while OPA is away', async () => {
  const port = await freePort()
  const config = stack.config({ JOBWARDEN_PROBE_PORT: String(port), JOBWARDEN_DECISION_CACHE_TTL_MS: '1000' })
  const worker = await startAuthorizer({ config, log: createLogger('test', 'silent') })
  try {
    expect(await probe(port, '/livez')).toEqual({ status: 200, body: { status: 'alive' } })
    expect(await probe(port, '/readyz')).toEqual({
      status: 200,
      body: {
        status: 'ready',
        opa: 'up',
        redis: 'up',
        database: 'up',
        suspended: false,
        producers: { known: ['test-producer'] },
        filterDisagreements: 0,
        decisionCache: { hits: 0, misses: 0, entries: 0 },
      },
    })
    expect(await probe(port, '/health')).toEqual({ status: 200, body: { status: 'healthy', opa: 'up' } })
    expect((await probe(port, '/elsewhere')).status).toBe(404)

    await stack.opa.server.kill('SIGKILL')
    expect(await probe(port, '/health')).toEqual({ status: 503, body: { status: 'degraded', opa: 'down' } })
    expect(await probe(port, '/readyz')).toMatchObject({
      status: 503,
      body: { status: 'not ready', opa: expect.stringMatching(/^down: JW_PDP_UNREACHABLE/), redis: 'up' },
    })
    expect((await probe(port, '/livez')).status).toBe(200)
    await stack.opa.server.start()
    await eventually(async () => ((await probe(port, '/readyz')).status === 200 ? true : undefined))
  } finally {
    await worker.close()
  }
})

test('a component that does not answer is down, and the probe does not wait for it', async () => {
  const server = await startProbes({ components: { stuck: () => new Promise(() => undefined) } })
  try {
    const looking = probe(server.port, '/readyz')
    expect((await probe(server.port, '/livez')).status).toBe(200)
    expect(await looking).toEqual({
      status: 503,
      body: { status: 'not ready', stuck: 'down: no answer within 2000 ms' },
    })
  } finally {
    await server.close()
  }
})

test('probes answer whatever the method, and a path that is none with those that are', async () => {
  const server = await startProbes({ components: {} })
  try {
    for (const method of ['GET', 'POST', 'OPTIONS'])
      expect(await probe(server.port, '/livez', method)).toEqual({ status: 200, body: { status: 'alive' } })
    const head = await fetch(`http://127.0.0.1:${server.port}/readyz`, { method: 'HEAD' })
    expect(head.status).toBe(200)
    expect(await head.text()).toBe('')
    for (const path of ['/', '/livez/', '/healthz', '/READYZ'])
      expect(await probe(server.port, path)).toEqual({
        status: 404,
        body: { error: 'try /livez, /readyz or /health' },
      })
  } finally {
    await server.close()
  }
})

test('a component that fails to look is not ready, and ends nothing', async () => {
  const server = await startProbes({ components: { broken: () => Promise.reject(new Error('defect')) } })
  try {
    expect((await probe(server.port, '/readyz')).status).toBe(500)
    expect((await probe(server.port, '/livez')).status).toBe(200)
  } finally {
    await server.close()
  }
})
