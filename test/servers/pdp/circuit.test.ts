import { afterEach, describe, expect, test } from 'vitest'
import { toFailure } from '../../../src/domain/failure.ts'
import { freePort } from '../../../devkit/free-port.ts'
import { openWorkspace } from '../../../devkit/workspace.ts'
import { requireNoServers } from '../devkit/no-leaks.ts'
import { CircuitWatch } from '../../support/circuit-watch.ts'
import { LyingPdp, type Script, allowAll, answers, decides, says } from '../../support/lying-pdp.ts'
import { aBatch, openClient } from '../../support/pdp-client.ts'
import { SHIPPED, startPolicies } from '../../support/start-policies.ts'

afterEach(requireNoServers)

/** Opens after three failures. */
const circuit = { errorPercent: 50, minimumCalls: 3, resetMs: 60_000 }
const quick = { ...circuit, resetMs: 30 }
const retry = { baseMs: 1, maxMs: 1, maxRetries: 0 }
const isProbe = ({ method }: { readonly method: string }) => method === 'GET'

async function codesOf(client: Awaited<ReturnType<typeof openClient>>, calls: number): Promise<string[]> {
  const codes: string[] = []
  for (let call = 0; call < calls; call++) {
    const failure = await client.decide(aBatch(2)).then(() => undefined, toFailure)
    codes.push(failure?.code ?? 'decided')
  }
  return codes
}

const reset: Script = (response) => response.socket?.resetAndDestroy()

describe('it opens when OPA is down, and then nothing reaches it', () => {
  test.each<[string, Script, string]>([
    ['resets', reset, 'JW_PDP_UNREACHABLE'],
    ['500', says('', 500), 'JW_PDP_SERVER_ERROR'],
    ['503', says('', 503), 'JW_PDP_SERVER_ERROR'],
    ['missed deadlines', () => undefined, 'JW_PDP_TIMEOUT'],
    ['policies that are not loaded', says('{}'), 'JW_PDP_NOT_READY'],
  ])('after %s', async (_what, script, code) => {
    await using pdp = await LyingPdp.open(script)
    const watch = new CircuitWatch()
    await using client = await openClient({ url: pdp.url, timeoutMs: 100, circuit, retry, ...watch.option })
    expect(await codesOf(client, 3)).toEqual([code, code, code])
    expect([client.suspended, watch.changes]).toEqual([true, [true]])
    const asked = pdp.questions.length
    expect(new Set(await codesOf(client, 20))).toEqual(new Set(['JW_PDP_CIRCUIT_OPEN']))
    await expect(client.query('authz/allow', {})).rejects.toMatchObject({ code: 'JW_PDP_CIRCUIT_OPEN' })
    expect(pdp.questions).toHaveLength(asked)
    expect(watch.changes).toEqual([true])
  })

  test('after nobody was there', async () => {
    const watch = new CircuitWatch()
    const url = `http://127.0.0.1:${await freePort()}`
    await using client = await openClient({ url, circuit, retry, ...watch.option })
    await codesOf(client, 3)
    await expect(client.decide(aBatch(1))).rejects.toMatchObject({ code: 'JW_PDP_CIRCUIT_OPEN', disposition: 'delay' })
    expect(watch.changes).toEqual([true])
  })

  test('in the middle of a call: its retries end at once', async () => {
    await using pdp = await LyingPdp.open(says('', 503))
    const endless = { baseMs: 1, maxMs: 1, maxRetries: 1_000 }
    await using client = await openClient({ url: pdp.url, circuit, retry: endless })
    expect(await codesOf(client, 1)).toEqual(['JW_PDP_CIRCUIT_OPEN'])
    expect(pdp.questions).toHaveLength(3)
  })
})

describe('it stays closed when OPA works', () => {
  const denied = { allow: false, reasons: [{ code: 'denied', message: 'No.' }] }
  test.each<[string, Script]>([
    ['allows', allowAll],
    ['denials', answers(() => denied)],
    ...[400, 401, 403, 404, 413, 429].map((status): [string, Script] => [`${status}`, says('', status)]),
    ['answers that are none', decides((ids) => ids)],
    ['answers for some only', answers((id) => (id.startsWith('0') ? denied : undefined))],
  ])('however many %s there are', async (_what, script) => {
    await using pdp = await LyingPdp.open(script)
    const watch = new CircuitWatch()
    await using client = await openClient({ url: pdp.url, circuit, retry, ...watch.option })
    const codes = await codesOf(client, 20)
    expect(codes).not.toContain('JW_PDP_CIRCUIT_OPEN')
    expect([client.suspended, watch.changes]).toEqual([false, []])
  })

  test('or fails less often than not', async () => {
    let calls = 0
    const sometimes: Script = (response, question) => {
      calls += 1
      const script = calls % 3 === 0 ? reset : allowAll
      script(response, question)
    }
    await using pdp = await LyingPdp.open(sometimes)
    const watch = new CircuitWatch()
    await using client = await openClient({ url: pdp.url, circuit, retry, ...watch.option })
    await codesOf(client, 30)
    expect(watch.changes).toEqual([])
  })
})

describe('while it is open it probes by itself', () => {
  test('and closes when OPA has its policies again, without anybody calling', async () => {
    await using pdp = await LyingPdp.open(reset)
    const watch = new CircuitWatch()
    await using client = await openClient({ url: pdp.url, circuit: quick, retry, ...watch.option })
    await codesOf(client, 3)
    for (let failed = 0; failed < 3; failed++) await pdp.next(isProbe)
    expect(watch.changes).toEqual([true])
    pdp.script = allowAll
    await watch.closed()
    expect([client.suspended, watch.changes]).toEqual([false, [true, false]])
    expect(await codesOf(client, 1)).toEqual(['decided'])
  })

  test.each<[string, Script]>([
    ['not ready yet', says('{}', 500)],
    ['refuses the token', says('{}', 401)],
    ['has lost its policies', says('{}')],
    ['is not what it was', says('<html>')],
  ])('and stays open while OPA %s', async (_what, script) => {
    await using pdp = await LyingPdp.open(reset)
    const watch = new CircuitWatch()
    await using client = await openClient({ url: pdp.url, circuit: quick, retry, ...watch.option })
    await codesOf(client, 3)
    pdp.script = script
    for (let failed = 0; failed < 3; failed++) await pdp.next(isProbe)
    expect([client.suspended, watch.changes]).toEqual([true, [true]])
    pdp.script = allowAll
    await watch.closed()
    expect(watch.changes).toEqual([true, false])
  })

  test('and lets nobody else through before the probe is answered', async () => {
    await using pdp = await LyingPdp.open(reset)
    const watch = new CircuitWatch()
    await using client = await openClient({ url: pdp.url, circuit: quick, retry, ...watch.option })
    await codesOf(client, 3)
    const batches = pdp.batches.length
    const answer = Promise.withResolvers<() => void>()
    pdp.script = (response, question) => answer.resolve(() => allowAll(response, question))
    await pdp.next(isProbe)
    expect(await codesOf(client, 5)).toEqual(Array(5).fill('JW_PDP_CIRCUIT_OPEN'))
    expect([client.suspended, pdp.batches.length]).toEqual([true, batches])
    pdp.script = allowAll
    const release = await answer.promise
    release()
    await watch.closed()
    expect(watch.changes).toEqual([true, false])
  })

  test('and does not take the calls that it refused for ones that went well', async () => {
    await using pdp = await LyingPdp.open(reset)
    const watch = new CircuitWatch()
    await using client = await openClient({ url: pdp.url, circuit: quick, retry, ...watch.option })
    await codesOf(client, 100)
    pdp.script = allowAll
    await watch.closed()
    pdp.script = reset
    await codesOf(client, 4)
    expect([client.suspended, watch.changes]).toEqual([true, [true, false, true]])
  })

  test('a real OPA that is killed and started again is suspended and taken up again, once each', async () => {
    await using workspace = await openWorkspace()
    const opa = await startPolicies(workspace, [SHIPPED])
    const watch = new CircuitWatch()
    await using client = await openClient({ url: opa.url, circuit: quick, retry, ...watch.option })
    for (const round of [1, 2]) {
      expect(await codesOf(client, 1)).toEqual(['decided'])
      await opa.server.kill('SIGKILL')
      await codesOf(client, 10)
      expect(watch.changes).toHaveLength(2 * round - 1)
      await opa.server.start()
      await watch.closed()
    }
    expect(watch.changes).toEqual([true, false, true, false])
  })
})
