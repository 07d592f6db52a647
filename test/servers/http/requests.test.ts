import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { requireBearer } from '../../../src/http/bearer.ts'
import { type HttpBench, startHttpBench } from '../../support/http-bench.ts'
import { openRaw } from '../../support/raw-http.ts'

let bench: HttpBench
/** The bodies that reached a handler. */
let taken: unknown[]

beforeEach(async () => {
  taken = []
  bench = await startHttpBench({ routes })
})
afterEach(() => bench.server.close())

async function routes(app: FastifyInstance): Promise<void> {
  app.get('/', () => ({ works: true }))
  app.get('/endless', (_request, reply) => {
    const stream = new Readable({ read: () => undefined })
    stream.push('begun')
    return reply.send(stream)
  })
  app.post('/without-a-body', () => ({ works: true }))
  await app.register(async (bodies) => {
    bodies.addContentTypeParser('text/plain', { parseAs: 'string' }, async (_request: unknown, body: string) => body)
    bodies.post('/notes', { bodyLimit: 8, config: { body: 'a note' } }, ({ body }) => {
      taken.push(body)
      return { length: String(body).length }
    })
  })
}

async function say(text: string): Promise<string> {
  const connection = await openRaw(bench.server.port)
  connection.say(text)
  return connection.closed
}

/** That the server goes on, and has not been told of. */
async function expectUnmoved(): Promise<void> {
  expect(await (await fetch(bench.url)).json()).toEqual({ works: true })
  expect(bench.log).toEqual([])
}

const post = (path: string, headers: string) => `POST ${path} HTTP/1.1\r\nHost: x\r\n${headers}\r\n\r\n`
const NOTE = 'Content-Type: text/plain\r\n'

describe('what is no request', () => {
  test.each([
    ['garbage', '\x16\x03\x01\x00\xa5\x00\xff\r\n\r\n', '400 Bad Request'],
    ['a request line without a path', 'GET\r\n\r\n', '400 Bad Request'],
    ['a version that does not exist', 'GET / HTTP/9.9\r\nHost: x\r\n\r\n', '400 Bad Request'],
    ['two lengths for one body', post('/notes', 'Content-Length: 1\r\nTransfer-Encoding: chunked'), '400 Bad Request'],
    ['a header without end', `GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}`, '431 Request Header Fields Too Large'],
    ['a flood of headers', `GET / HTTP/1.1\r\n${'X-A: b\r\n'.repeat(3_000)}`, '431 Request Header Fields Too Large'],
    ['a path without end', `GET /${'x'.repeat(20_000)}`, '431 Request Header Fields Too Large'],
  ])('is refused with a bare status, and the connection closed: %s', async (_what, text, status) => {
    expect(await say(text)).toBe(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`)
    await expectUnmoved()
  })

  test('gets nothing said into an answer that is on its way', async () => {
    const connection = await openRaw(bench.server.port)
    connection.say('GET /endless HTTP/1.1\r\nHost: x\r\n\r\n')
    await connection.heard(/begun/)
    connection.say('nonsense\r\n\r\n')
    expect((await connection.closed).match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200'])
    await expectUnmoved()
  })
})

describe('a client that is slow', () => {
  test.each([
    ['to say what it wants', 'GET / HTTP/1.1\r\nHost: ', { headersMs: 100 }],
    ['with its body', `${post('/notes', `${NOTE}Content-Length: 8`)}ha`, { headersMs: 100, requestMs: 200 }],
  ])('%s is told so, and the connection closed', async (_what, text, bounds) => {
    await bench.server.close()
    bench = await startHttpBench({ routes, bounds: { ...bounds, checkEveryMs: 50 } })
    expect(await say(text)).toBe('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n')
    expect(taken).toEqual([])
    await expectUnmoved()
  })

  test('to ask again is told how long the connection stays, and then it is closed', async () => {
    await bench.server.close()
    bench = await startHttpBench({ routes, bounds: { idleMs: 1_000 } })
    expect(await say('GET / HTTP/1.1\r\nHost: x\r\n\r\n')).toContain('\r\nKeep-Alive: timeout=1\r\n')
    await expectUnmoved()
  })

  test('and goes away amid its body is nobody to answer, and no error', async () => {
    const connection = await openRaw(bench.server.port)
    connection.say(`${post('/notes', `${NOTE}Expect: 100-continue\r\nContent-Length: 8`)}ha`)
    await connection.heard(/100 Continue/)
    connection.end()
    await connection.closed
    await bench.server.close()
    expect(taken).toEqual([])
    expect(bench.log).toEqual([])
  })
})

describe('a body', () => {
  test('of the length that its route takes gets to the handler', async () => {
    const response = await fetch(`${bench.url}/notes`, { method: 'POST', body: '12345678' })
    expect(await response.json()).toEqual({ length: 8 })
  })

  test.each([
    ['that says so', `${post('/notes', `${NOTE}Content-Length: 9`)}1`],
    ['that turns out to be', `${post('/notes', `${NOTE}Transfer-Encoding: chunked`)}9\r\n123456789\r\n`],
  ])('that is too long is refused, and not read on: one %s', async (_what, text) => {
    const heard = await say(text)
    expect(heard).toMatch(/^HTTP\/1\.1 413 Payload Too Large\r\n/)
    expect(heard).toMatch(/\r\nconnection: close\r\n/)
    expect(heard).toContain('{"error":"a note may have 8 bytes at most"}\n')
    expect(taken).toEqual([])
    await expectUnmoved()
  })

  test.each([
    ['of a type that its route does not take', '/notes', 'Content-Type: application/json\r\n', 415],
    ['of no type', '/notes', '', 415],
    ['of a type that is none', '/notes', 'Content-Type: text\r\n', 415],
    ['for a route that takes none', '/without-a-body', NOTE, 415],
    ['for a path that does not exist', '/elsewhere', NOTE, 404],
  ])('%s is refused and not read', async (_what, path, type, status) => {
    expect(await say(post(path, `${type}Content-Length: 8`))).toMatch(
      new RegExp(`^HTTP/1\\.1 ${status} [^]*\r\nconnection: close\r\n`),
    )
    expect(taken).toEqual([])
    await expectUnmoved()
  })

  test('that is absent is no body', async () => {
    const response = await fetch(`${bench.url}/without-a-body`, { method: 'POST' })
    expect(await response.json()).toEqual({ works: true })
  })
})

describe('a server that demands tokens', () => {
  const holder = { name: 'Ann' }

  beforeEach(async () => {
    await bench.server.close()
    bench = await startHttpBench({
      routes: (app) => {
        const holderOf = requireBearer(app, (header) => (header === 'Bearer good' ? holder : undefined))
        app.get('/', { config: { open: true } }, () => ({ works: true }))
        app.get('/name', (request) => ({ name: holderOf(request).name }))
        app.get('/open', { config: { open: true } }, (request) => ({ name: holderOf(request).name }))
      },
    })
  })

  test('lets its holder in, and nobody else, be it to a path that does not exist', async () => {
    const ask = (path: string, authorization?: string) =>
      fetch(`${bench.url}${path}`, authorization === undefined ? {} : { headers: { authorization } })
    expect(await (await ask('/name', 'Bearer good')).json()).toEqual({ name: 'Ann' })
    expect((await ask('/elsewhere', 'Bearer good')).status).toBe(404)
    for (const path of ['/name', '/elsewhere'])
      for (const header of [undefined, 'Bearer bad', 'Basic good', '']) {
        const response = await ask(path, header)
        expect(response.status).toBe(401)
        expect(response.headers.get('www-authenticate')).toBe('Bearer')
      }
    await expectUnmoved()
  })

  test('has no holder on a route that is open', async () => {
    expect((await fetch(`${bench.url}/open`, { headers: { authorization: 'Bearer good' } })).status).toBe(401)
  })

  test('refuses before it reads a body', async () => {
    expect(await say(post('/name', 'Content-Length: 100000000'))).toMatch(
      /^HTTP\/1\.1 401 [^]*\r\nconnection: close\r\n/,
    )
  })
})
