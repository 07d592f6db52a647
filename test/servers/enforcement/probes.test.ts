import { afterAll, beforeAll, expect, test } from 'vitest'
import { startProbeServer } from '../../../src/http/probe-server.ts'
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

async function probe(port: number, path: string) {
  const response = await fetch(`http://127.0.0.1:${port}${path}`)
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
  const server = await startProbeServer({
    port: 0,
    host: '127.0.0.1',
    components: { stuck: () => new Promise(() => undefined) },
  })
  try {
    expect(await probe(server.port, '/readyz')).toEqual({
      status: 503,
      body: { status: 'not ready', stuck: 'down: no answer within 2000 ms' },
    })
  } finally {
    await server.close()
  }
})
