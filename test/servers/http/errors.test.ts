import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Failure } from '../../../src/domain/failure.ts'
import { HttpProblem } from '../../../src/http/http-problem.ts'
import { type HttpBench, startHttpBench } from '../../support/http-bench.ts'

let bench: HttpBench

beforeEach(async () => {
  bench = await startHttpBench({ routes: failing })
})
afterEach(() => bench.server.close())

const SECRET = 'password of the database'
const failures: Readonly<Record<string, () => unknown>> = {
  throws: () => {
    throw new Error(SECRET)
  },
  rejects: () => Promise.reject(new TypeError(SECRET)),
  'throws-text': () => Promise.reject(SECRET),
  'borrows-a-status': () => Promise.reject(Object.assign(new Error(SECRET), { statusCode: 404, code: 'FST_ERR_X' })),
  'is-no-json': () => ({ secret: SECRET, amount: 1n }),
}

function failing(app: FastifyInstance): void {
  for (const [name, fail] of Object.entries(failures)) app.get(`/${name}`, fail)
  app.get('/outage', () => Promise.reject(new Failure('JW_STORE_UNAVAILABLE', SECRET)))
  app.get('/defect', () => Promise.reject(new Failure('JW_STORE_REJECTED', SECRET)))
  app.get('/refused', (_request, reply) => {
    reply.headers({ etag: '"x"', 'cache-control': 'public' })
    throw new HttpProblem(409, 'it has changed; read it again', { headers: { 'x-why': 'version' } })
  })
  app.get('/full', () => {
    throw new HttpProblem(507, 'no room', { cause: new Error(SECRET) })
  })
  app.get('/bad-header', (_request, reply) => reply.header('x-name', 'line\nbreak').send({}))
  app.get('/bad-hook', { onSend: () => Promise.reject(new Error(SECRET)) }, () => ({}))
  app.get('/stream', (_request, reply) => {
    const stream = new Readable({ read: () => undefined })
    stream.push('begun')
    reply.raw.once('pipe', () => setImmediate(() => stream.destroy(new Error(SECRET))))
    return reply.send(stream)
  })
}

const ask = (path: string) => fetch(`${bench.url}/${path}`)
const told = () => bench.log.map(({ level, err }) => ({ level, message: err?.message }))
const ERROR = 50

describe('an error that nobody expected', () => {
  test.each(Object.keys(failures))('is answered without its text and logged once: %s', async (path) => {
    const response = await ask(`${path}?token=${SECRET}`)
    expect(response.status).toBe(500)
    expect(response.headers.get('content-type')).toBe('application/json')
    expect(await response.text()).toBe('{"error":"the test server failed; its log says why"}\n')
    expect(bench.log).toHaveLength(1)
    expect(bench.log[0]).toMatchObject({ level: ERROR, msg: 'a request failed', method: 'GET', path: `/${path}` })
    expect(JSON.stringify(bench.log)).not.toContain('token=')
  })

  test('has its text in the log', async () => {
    await ask('throws')
    expect(told()).toEqual([{ level: ERROR, message: expect.stringContaining(SECRET) }])
  })

  test('leaves the server as it was', async () => {
    for (let request = 0; request < 3; request += 1) expect((await ask('throws')).status).toBe(500)
    expect((await ask('refused')).status).toBe(409)
  })
})

test('a failure that passes is a 503 with its code, and one that does not is a 500; each is logged once', async () => {
  const [outage, defect] = [await ask('outage'), await ask('defect')]
  expect(outage.status).toBe(503)
  expect(await outage.json()).toEqual({
    error: 'JW_STORE_UNAVAILABLE: PostgreSQL cannot be reached or cannot run the statement now.',
  })
  expect(defect.status).toBe(500)
  expect(await defect.json()).toEqual({ error: 'the test server failed; its log says why' })
  expect(told()).toEqual([
    { level: ERROR, message: `JW_STORE_UNAVAILABLE: ${SECRET}` },
    { level: ERROR, message: `JW_STORE_REJECTED: ${SECRET}` },
  ])
})

test('a refusal is answered as it says, nothing of the answer that was not given, and is not logged', async () => {
  const response = await ask('refused')
  expect(response.status).toBe(409)
  expect(await response.text()).toBe('{"error":"it has changed; read it again"}\n')
  const headers = ['x-why', 'cache-control', 'etag', 'server', 'x-powered-by'].map((name) => response.headers.get(name))
  expect(headers).toEqual(['version', 'no-store', null, null, null])
  expect(bench.log).toEqual([])
})

test('a refusal for a reason of the server is logged with the reason', async () => {
  const response = await ask('full')
  expect(response.status).toBe(507)
  expect(await response.json()).toEqual({ error: 'no room' })
  expect(told()).toEqual([{ level: ERROR, message: expect.stringContaining(SECRET) }])
})

test.each(['bad-header', 'bad-hook'])('an answer that cannot be given tells nothing: %s', async (path) => {
  const response = await ask(path)
  expect(response.status).toBe(500)
  expect(await response.text()).toBe('')
  expect(response.headers.get('x-name')).toBeNull()
  expect(bench.log.map(({ msg }) => msg)).toEqual(['a request failed', 'an answer failed'])
})

test('a stream that fails on its way is cut off, and logged once', async () => {
  const response = await ask('stream')
  await expect(response.text()).rejects.toThrow('terminated')
  expect(told()).toEqual([{ level: 40, message: SECRET }])
})

test.each([
  ['/throws/', 404],
  ['//throws', 404],
  ['/Throws', 404],
  ['/%zz', 400],
])('a path is taken to the letter: %s', async (path, status) => {
  const response = await fetch(`${bench.url}${path}`)
  expect(response.status).toBe(status)
  expect(await response.json()).toEqual({ error: expect.any(String) })
  expect(response.headers.get('cache-control')).toBe('no-store')
})

test('a method that a route does not have is a path that does not exist, HEAD too', async () => {
  expect((await fetch(`${bench.url}/refused`, { method: 'DELETE' })).status).toBe(404)
  expect((await fetch(`${bench.url}/refused`, { method: 'HEAD' })).status).toBe(404)
})
