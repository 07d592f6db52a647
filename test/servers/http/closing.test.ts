import type { IncomingMessage } from 'node:http'
import { get } from 'node:https'
import { text } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Workspace, openWorkspace } from '../../../devkit/workspace.ts'
import { startHttpServer } from '../../../src/http/http-server.ts'
import { createLogger } from '../../../src/telemetry/logger.ts'
import { createAuthority, readCertificate } from '../../support/certificates.ts'
import { startHttpBench } from '../../support/http-bench.ts'
import { openRaw } from '../../support/raw-http.ts'

/** No test may wait for these: they are longer than a test may take. */
const PATIENT = { headersMs: 100_000, requestMs: 100_000, idleMs: 100_000, checkEveryMs: 100_000 }

const GET = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`

type SlowOptions = { readonly closeMs?: number; readonly tls?: { readonly cert: string; readonly key: string } }

/** A server with a path that answers when it is told to. */
async function startSlow({ closeMs = 100_000, tls }: SlowOptions = {}) {
  const gate = Promise.withResolvers<void>()
  const entered = Promise.withResolvers<void>()
  let closed = false
  const bench = await startHttpBench({
    tls,
    bounds: { ...PATIENT, closeMs },
    routes: (app) => {
      app.get('/', () => ({ works: true }))
      app.get('/slow', async () => {
        entered.resolve()
        await gate.promise
        return { finished: true }
      })
      app.addHook('onClose', async () => {
        closed = true
      })
    },
  })
  return { bench, open: gate.resolve, entered: entered.promise, isClosed: () => closed }
}

describe('a server that is told to close', () => {
  let slow: Awaited<ReturnType<typeof startSlow>>
  afterEach(async () => {
    slow.open()
    await slow.bench.server.close()
  })

  test('closes connections that are idle at once, those that never said anything too', async () => {
    slow = await startSlow()
    const [used, silent] = [await openRaw(slow.bench.server.port), await openRaw(slow.bench.server.port)]
    used.say(GET('/'))
    await used.heard(/"works":true/)
    await slow.bench.server.close()
    await Promise.all([used.closed, silent.closed])
    expect(slow.isClosed()).toBe(true)
    expect(slow.bench.log).toEqual([])
  })

  test('lets a request end that is under way, says that it closes, and takes no other', async () => {
    slow = await startSlow()
    const busy = await openRaw(slow.bench.server.port)
    busy.say(GET('/slow'))
    await slow.entered
    const closing = slow.bench.server.close()
    await expect(fetch(slow.bench.url)).rejects.toThrow('fetch failed')
    expect(slow.isClosed()).toBe(false)
    slow.open()
    const heard = await busy.closed
    expect(heard).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*connection: close\r\n[^]*\{"finished":true\}\n$/)
    await closing
    expect(slow.isClosed()).toBe(true)
    expect(slow.bench.log).toEqual([])
  })

  test('answers a request that had begun to arrive, in its own words', async () => {
    slow = await startSlow()
    const late = await openRaw(slow.bench.server.port)
    late.say(`${GET('/')}GET / HTTP/1.1\r\nHo`)
    await late.heard(/"works":true/)
    const closing = slow.bench.server.close()
    late.say('st: x\r\n\r\n')
    expect((await late.closed).split('HTTP/1.1 ')[2]).toMatch(/^200 OK\r\n[^]*connection: close\r\n/i)
    await closing
  })

  test('cuts off a request that does not end in time, and says so', async () => {
    slow = await startSlow({ closeMs: 100 })
    const busy = await openRaw(slow.bench.server.port)
    busy.say(GET('/slow'))
    await slow.entered
    await slow.bench.server.close()
    expect(await busy.closed).toBe('')
    expect(slow.isClosed()).toBe(true)
    expect(slow.bench.log.map(({ level, msg }) => ({ level, msg }))).toEqual([
      { level: 40, msg: 'test server: requests were cut off' },
    ])
  })
})

describe('with TLS', () => {
  let workspace: Workspace
  let tls: Awaited<ReturnType<typeof readCertificate>>
  let slow: Awaited<ReturnType<typeof startSlow>>
  beforeAll(async () => {
    workspace = await openWorkspace()
    tls = await readCertificate(await (await createAuthority(workspace)).issue('IP:127.0.0.1'))
  })
  afterAll(() => workspace.close())
  afterEach(async () => {
    slow.open()
    await slow.bench.server.close()
  })

  test('a connection that never shakes hands does not keep the server from closing', async () => {
    slow = await startSlow({ tls })
    const silent = await openRaw(slow.bench.server.port)
    await slow.bench.server.close()
    expect(await silent.closed).toBe('')
  })

  test('one that stops in the middle of it does so for no longer than any other', async () => {
    slow = await startSlow({ tls, closeMs: 100 })
    const halting = await openRaw(slow.bench.server.port)
    halting.say('\x16\x03\x01\x00\xa5\x01')
    const whole = await askSecurely(slow.bench.server.port, '/') // By then the half of a greeting has arrived.
    expect(whole).toBe('{"works":true}\n')
    await slow.bench.server.close()
    await halting.closed
  })

  test('a request that is under way ends', async () => {
    slow = await startSlow({ tls })
    const answer = askSecurely(slow.bench.server.port, '/slow')
    await slow.entered
    const closing = slow.bench.server.close()
    slow.open()
    expect(await answer).toBe('{"finished":true}\n')
    await closing
  })

  test('what is no TLS is closed without a word of HTTP', async () => {
    slow = await startSlow({ tls })
    const plain = await openRaw(slow.bench.server.port)
    plain.say(GET('/'))
    expect(await plain.closed).not.toContain('HTTP')
    expect(await askSecurely(slow.bench.server.port, '/')).toBe('{"works":true}\n')
    expect(slow.bench.log).toEqual([])
  })

  async function askSecurely(port: number, path: string): Promise<string> {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      get({ host: '127.0.0.1', port, path, rejectUnauthorized: false }, resolve).once('error', reject)
    })
    return text(response)
  }
})

test('a port that is taken is said, and what was opened for the server is closed', async () => {
  const { bench } = await startSlow()
  let closed = false
  const second = startHttpServer({
    name: 'second',
    host: '127.0.0.1',
    port: bench.server.port,
    log: createLogger('test', 'silent'),
    routes: (app) => {
      app.addHook('onClose', async () => {
        closed = true
      })
    },
  })
  await expect(second).rejects.toThrow(`EADDRINUSE: address already in use 127.0.0.1:${bench.server.port}`)
  expect(closed).toBe(true)
  await bench.server.close()
})
