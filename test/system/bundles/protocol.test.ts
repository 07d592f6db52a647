import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Workspace, openWorkspace } from '../../../devkit/workspace.ts'
import { Environment } from '../../../src/bundles/server/environment.ts'
import { pullBundle } from '../../../src/bundles/server/pull-bundle.ts'
import type { Running } from '../../../src/process/run-process.ts'
import { type BundleBench, type TokenName, openBundleBench } from '../../support/bundle-bench.ts'
import { startHttpBench } from '../../support/http-bench.ts'
import { openRaw } from '../../support/raw-http.ts'

let workspace: Workspace
let bench: BundleBench
let server: Running
let first: string
let second: string

beforeAll(async () => {
  workspace = await openWorkspace()
  bench = await openBundleBench(workspace)
  server = await bench.start()
  first = await bench.make({ revision: 'r1' })
  second = await bench.make({ revision: 'r2' })
})
afterAll(async () => {
  await server.close()
  await workspace.close()
})

type Init = { readonly method?: string; readonly body?: string; readonly headers?: Readonly<Record<string, string>> }

function ask(path: string, token: TokenName | undefined, { headers, ...init }: Init = {}): Promise<Response> {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${bench.token(token)}` }
  return fetch(`${bench.url}${path}`, { ...init, headers: { ...authorization, ...headers } })
}

describe('who may do what', () => {
  const report = JSON.stringify({ labels: { id: 'x' }, bundles: { production: {} } })
  const requests: readonly (readonly [string, string, Init, Partial<Record<TokenName, number>>])[] = [
    ['pull', '/bundles/production', {}, { sidecar: 404 }],
    ['pull of staging', '/bundles/staging', {}, { 'staging-sidecar': 404 }],
    ['push', '/bundles/production', { method: 'PUT', body: 'x' }, { pipeline: 422 }],
    ['report', '/status', { method: 'POST', body: report }, { sidecar: 204 }],
    ['report as a partition', '/status/production', { method: 'POST', body: report }, { sidecar: 204 }],
    ['status', '/bundles/production/status', {}, { pipeline: 200, auditor: 200 }],
    ['activations', '/bundles/production/activations', {}, { pipeline: 200, auditor: 200 }],
    ['an environment that does not exist', '/bundles/elsewhere', {}, {}],
  ]
  test.each(requests)('%s', async (_what, path, init, allowed) => {
    for (const name of ['pipeline', 'sidecar', 'staging-sidecar', 'auditor'] as const) {
      const { status } = await ask(path, name, init)
      expect({ name, status }).toEqual({ name, status: allowed[name] ?? 403 })
    }
    const anonymous = await ask(path, undefined, init)
    expect(anonymous.status).toBe(401)
    expect(anonymous.headers.get('www-authenticate')).toBe('Bearer')
  })

  test.each([
    ['a token that nobody has', 'Bearer 00000000000000000000000000000000'],
    ['the start of a token', () => `Bearer ${bench.token('auditor').slice(0, -1)}`],
    ['the name of a token', 'Bearer auditor'],
    ['a password', () => `Basic ${bench.token('auditor')}`],
  ])('%s is worth nothing', async (_what, header) => {
    const authorization = typeof header === 'string' ? header : header()
    const { status } = await ask('/bundles/production/status', undefined, { headers: { authorization } })
    expect(status).toBe(401)
  })

  test('a refusal quotes no token', async () => {
    const text = await (await ask('/bundles/production', 'auditor')).text()
    expect(JSON.parse(text)).toEqual({ error: 'the token "auditor" may not pull "production"' })
  })

  test('each token is told of the environments that it may read', async () => {
    expect(await (await ask('/bundles', 'auditor')).json()).toEqual({ bundles: ['production', 'staging'] })
    expect(await (await ask('/bundles', 'sidecar')).json()).toEqual({ bundles: [] })
  })
})

test('probes need no token, and other paths do not exist', async () => {
  expect((await ask('/livez', undefined)).status).toBe(200)
  expect((await ask('/readyz', undefined)).status).toBe(200)
  expect((await ask('/elsewhere', 'auditor')).status).toBe(404)
  expect((await ask('/bundles/production', 'pipeline', { method: 'DELETE' })).status).toBe(404)
  expect((await ask('/bundles/production', 'sidecar', { method: 'HEAD' })).status).toBe(404)
  expect((await ask('/bundles/', 'auditor')).status).toBe(404)
  expect((await ask('/bundles/production/', 'auditor')).status).toBe(404)
})

test.each([
  ['an answer', '/bundles', 'auditor', 200],
  ['a refusal', '/elsewhere', 'auditor', 404],
  ['a refusal of a stranger', '/bundles', undefined, 401],
] as const)('%s is a line of JSON that nobody keeps', async (_what, path, token, status) => {
  const response = await ask(path, token)
  expect(response.status).toBe(status)
  expect(response.headers.get('content-type')).toBe('application/json')
  expect(response.headers.get('cache-control')).toBe('no-store')
  expect(await response.text()).toMatch(/^\{.*\}\n$/)
})

test('a body is not read of who may not send it', async () => {
  const connection = await openRaw(bench.port)
  const headers = `Host: x\r\nAuthorization: Bearer ${bench.token('sidecar')}\r\nContent-Length: 1000`
  connection.say(`PUT /bundles/production HTTP/1.1\r\n${headers}\r\n\r\n`)
  expect(await connection.closed).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/)
})

test('a body counts whatever its type is said to be', async () => {
  for (const type of ['application/json', 'application/gzip', 'text/plain; charset=utf-8']) {
    const headers = { 'content-type': type }
    expect((await ask('/bundles/production', 'pipeline', { method: 'PUT', body: 'x', headers })).status).toBe(422)
    expect((await ask('/status', 'sidecar', { method: 'POST', body: '{"labels":{"id":"x"}}', headers })).status).toBe(
      204,
    )
  }
})

test.each([
  ['is no JSON', '{', 422],
  ['is not of OPA', '{"labels":{}}', 422],
  ['is too large', JSON.stringify({ labels: { id: 'x'.repeat(2 ** 20) } }), 413],
])('a report that %s is refused', async (_what, body, expected) => {
  expect((await ask('/status', 'sidecar', { method: 'POST', body })).status).toBe(expected)
})

describe('the bundle', () => {
  const pull = (headers: Record<string, string> = {}) => ask('/bundles/production', 'sidecar', { headers })
  const etag = async () => (await pull()).headers.get('etag') ?? ''

  beforeAll(async () => {
    await bench.push(first)
  })

  test('is served as it was pushed, with a strong tag', async () => {
    const response = await pull()
    expect(Buffer.from(await response.arrayBuffer()).equals(await readFile(first))).toBe(true)
    expect(response.headers.get('etag')).toMatch(/^"sha256:[0-9a-f]{64}"$/)
    expect(response.headers.get('content-type')).toBe('application/vnd.openpolicyagent.bundles')
  })

  test('is not sent to who has it, one tag among several', async () => {
    const tag = await etag()
    for (const known of [tag, `"older", ${tag}`, `W/${tag}`]) {
      const response = await pull({ 'if-none-match': known })
      expect(response.status).toBe(304)
      expect(response.headers.get('etag')).toBe(tag)
    }
    expect((await pull({ 'if-none-match': '"older"', prefer: 'modes=snapshot,delta;wait=60' })).status).toBe(200)
  })

  test('is waited for no longer than asked', async () => {
    const started = Date.now()
    const response = await pull({ 'if-none-match': await etag(), prefer: 'modes=snapshot,delta;wait=1' })
    expect(response.status).toBe(304)
    expect(Date.now() - started).toBeGreaterThanOrEqual(990)
  })

  test('arrives as soon as it is another one', async () => {
    const waiting = pull({ 'if-none-match': await etag(), prefer: 'wait=60' })
    await bench.push(second)
    const response = await waiting
    expect(response.status).toBe(200)
    expect(Buffer.from(await response.arrayBuffer()).equals(await readFile(second))).toBe(true)
  })

  test('is not waited for once the client has gone away', async () => {
    const environment = await Environment.open(await workspace.folder('empty'), 'production')
    const { promise: entered, resolve: enter } = Promise.withResolvers<{ readonly answer: Promise<unknown> }>()
    const { server: waitingServer, url } = await startHttpBench({
      routes: (app) => {
        app.get('/', (request, reply) => {
          const answer = pullBundle(environment, request, reply, new AbortController().signal)
          enter({ answer })
          return answer
        })
      },
    })
    const gone = new AbortController()
    const waiting = fetch(url, { headers: { prefer: 'wait=300' }, signal: gone.signal })
    const { answer } = await entered
    gone.abort()
    await expect(waiting).rejects.toThrow('aborted')
    await expect(answer).rejects.toThrow('production has no bundle yet')
    await waitingServer.close()
    await environment.close()
  })

  test('is not waited for by a server that stops: who waits is answered', async () => {
    const waiting = pull({ 'if-none-match': await etag(), prefer: 'wait=60' })
    await pull() // By then the other one is there.
    await server.close()
    expect((await waiting).status).toBe(304)
    server = await bench.start()
  })
})
