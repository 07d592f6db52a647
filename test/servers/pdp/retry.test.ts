import { performance } from 'node:perf_hooks'
import { describe, expect, test } from 'vitest'
import { toFailure } from '../../../src/domain/failure.ts'
import { backoffMs } from '../../../src/domain/backoff.ts'
import { LyingPdp, type Script, allowAll, says } from '../../support/lying-pdp.ts'
import { aBatch, openClient } from '../../support/pdp-client.ts'

/** Answers its first requests by these scripts, and every further one by the truth. */
function first(...scripts: readonly Script[]): Script {
  const left = [...scripts]
  return (response, question) => (left.shift() ?? allowAll)(response, question)
}

const reset: Script = (response) => response.socket?.resetAndDestroy()

describe('what the next try may not meet is tried again', () => {
  test.each<[string, Script]>([
    ['429', says('', 429)],
    ['502', says('', 502)],
    ['503', says('', 503)],
    ['504', says('', 504)],
    ['a reset', reset],
  ])('%s twice, then the truth: three tries and a decision', async (_what, script) => {
    await using pdp = await LyingPdp.open(first(script, script))
    await using client = await openClient({ url: pdp.url, retry: { baseMs: 1, maxMs: 4, maxRetries: 2 } })
    const decided = await client.decide(aBatch(['a', 'b']))
    expect(decided.get('a')).toMatchObject({ effect: 'allow' })
    expect(pdp.batches).toEqual([
      ['a', 'b'],
      ['a', 'b'],
      ['a', 'b'],
    ])
  })

  test('but not more often than configured', async () => {
    await using pdp = await LyingPdp.open(says('', 503))
    await using client = await openClient({ url: pdp.url, retry: { baseMs: 1, maxMs: 4, maxRetries: 3 } })
    await expect(client.decide(aBatch(2))).rejects.toMatchObject({ code: 'JW_PDP_SERVER_ERROR' })
    expect(pdp.questions).toHaveLength(4)
  })

  test('and not at all when no retry is configured', async () => {
    await using pdp = await LyingPdp.open(first(says('', 503)))
    await using client = await openClient({ url: pdp.url, retry: { baseMs: 1, maxMs: 4, maxRetries: 0 } })
    await expect(client.decide(aBatch(2))).rejects.toMatchObject({ code: 'JW_PDP_SERVER_ERROR' })
  })
})

describe('what every try would meet is asked once', () => {
  test.each<[string, Script]>([
    ['400', says('', 400)],
    ['401', says('', 401)],
    ['404', says('', 404)],
    ['413', says('', 413)],
    ['500', says('', 500)],
    ['an empty object', says('{}')],
    ['truncated JSON', says('{"result":')],
  ])('%s', async (_what, script) => {
    await using pdp = await LyingPdp.open(first(script, script))
    await using client = await openClient({ url: pdp.url })
    await client.decide(aBatch(['a'])).catch(toFailure)
    expect(pdp.batches).toEqual([['a']])
  })

  test('a missed deadline, for the next try would have none', async () => {
    await using pdp = await LyingPdp.open(first(() => undefined))
    await using client = await openClient({ url: pdp.url, timeoutMs: 100 })
    await expect(client.decide(aBatch(['a']))).rejects.toMatchObject({ code: 'JW_PDP_TIMEOUT' })
    expect(pdp.batches).toEqual([['a']])
  })
})

describe('one deadline is over a call with all its tries', () => {
  const timeoutMs = 300
  const endless = { baseMs: 40, maxMs: 80, maxRetries: 10_000 }
  const wide = { baseMs: 60_000, maxMs: 60_000, maxRetries: 5 }

  test.each<[string, Script, typeof endless, string]>([
    ['when OPA never answers', () => undefined, endless, 'JW_PDP_TIMEOUT'],
    ['when every try fails at once', says('', 503), endless, 'JW_PDP_SERVER_ERROR'],
    ['when the pause would be longer', says('', 503), wide, 'JW_PDP_SERVER_ERROR'],
    ['when the second try hangs', first(reset, () => undefined), endless, 'JW_PDP_TIMEOUT'],
    ['when the body hangs', (response) => response.write('{'), endless, 'JW_PDP_TIMEOUT'],
  ])('%s', async (_when, script, retry, code) => {
    await using pdp = await LyingPdp.open(script)
    await using client = await openClient({ url: pdp.url, timeoutMs, retry })
    const start = performance.now()
    await expect(client.decide(aBatch(['a']))).rejects.toMatchObject({ code })
    expect(performance.now() - start).toBeLessThan(timeoutMs + 500)
  })

  test('also while a batch is being split', async () => {
    const refuseThenHang: Script = (response, question) => {
      if (question.ids.length === 0) allowAll(response, question)
      else if (question.ids.length === 4) says('', 500)(response, question)
    }
    await using pdp = await LyingPdp.open(refuseThenHang)
    await using client = await openClient({ url: pdp.url, timeoutMs })
    const start = performance.now()
    await expect(client.decide(aBatch(4))).rejects.toMatchObject({ code: 'JW_PDP_TIMEOUT' })
    expect(performance.now() - start).toBeLessThan(timeoutMs + 500)
  })
})

describe('the pause before a retry', () => {
  const options = { baseMs: 25, maxMs: 500, maxRetries: 10 }

  test('doubles from the base to the maximum, and is anywhere below that', () => {
    for (let retry = 0; retry < 20; retry++) {
      const pauses = Array.from({ length: 100 }, () => backoffMs(retry, options))
      expect(Math.min(...pauses)).toBeGreaterThanOrEqual(0)
      expect(Math.max(...pauses)).toBeLessThanOrEqual(Math.min(500, 25 * 2 ** retry))
    }
  })

  test('spreads callers that failed together over all of that time', () => {
    const pauses = Array.from({ length: 1_000 }, () => backoffMs(3, options))
    expect(new Set(pauses.map((pause) => Math.floor(pause / 50)))).toEqual(new Set([0, 1, 2, 3]))
  })
})
