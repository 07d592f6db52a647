import { expect, test } from 'vitest'
import type { Decision, DecisionRequest } from '../../src/domain/decision.ts'
import { Failure } from '../../src/domain/failure.ts'
import { DecisionCache } from '../../src/pdp/decision-cache.ts'
import type { Pdp } from '../../src/enforcement/ports/decision-point.ts'

/** A PDP that allows everything in the revision that the test sets, and notes what it was asked. */
function scriptedPdp() {
  const asked: string[][] = []
  const state = { revision: 'r1', effect: 'allow', volatile: false }
  const answer = (): Decision =>
    state.effect === 'allow'
      ? { effect: 'allow', policyRevision: state.revision }
      : { effect: 'deny', reasons: [{ code: 'no', message: 'no' }], policyRevision: state.revision }
  const pdp: Pdp = {
    decide: async (requests) => {
      asked.push([...requests.keys()])
      return new Map([...requests.keys()].map((id) => [id, answer()]))
    },
    filter: async () => new Map(),
  }
  const cache = (ttlMs: number) =>
    new DecisionCache(pdp, {
      ttlMs,
      maxEntries: 100,
      revision: async () => state.revision,
      isVolatile: async () => state.volatile,
    })
  return { asked, state, cache }
}

const request = (id: string, extra: Record<string, string> = {}): DecisionRequest => ({
  user: { id: 'u', role: 'user', ...extra },
  action: 'read',
  resource: { type: 'document', id },
})
const ask = (...entries: readonly (readonly [string, DecisionRequest])[]) => new Map(entries)

test('an equal input is decided once, whatever the order of its members and the id of its command', async () => {
  const { asked, cache } = scriptedPdp()
  const cached = cache(60_000)
  await cached.decide(ask(['a', request('r1', { x: '1', y: '2' })]))
  const again = await cached.decide(ask(['b', request('r1', { y: '2', x: '1' })], ['c', request('r2')]))
  expect(asked).toEqual([['a'], ['c']])
  expect([...again.keys()].toSorted((a, b) => a.localeCompare(b))).toEqual(['b', 'c'])
  expect(cached.figures).toEqual({ hits: 1, misses: 2, entries: 2 })
})

test('an allow of an old policy revision is never given, even when nothing else of the batch is asked', async () => {
  const { asked, state, cache } = scriptedPdp()
  const cached = cache(60_000)
  await cached.decide(ask(['a', request('r1')]))
  state.revision = 'r2'
  state.effect = 'deny'
  expect(await cached.decide(ask(['b', request('r1')]))).toEqual(
    new Map([['b', expect.objectContaining({ effect: 'deny', policyRevision: 'r2' })]]),
  )
  expect(await cached.decide(ask(['c', request('r1')], ['d', request('r3')]))).toEqual(
    new Map([
      ['d', expect.objectContaining({ effect: 'deny' })],
      ['c', expect.objectContaining({ effect: 'deny' })],
    ]),
  )
  expect(asked).toEqual([['a'], ['b'], ['d']])
})

test('a decision of policies whose answers change by themselves is not remembered', async () => {
  const { asked, state, cache } = scriptedPdp()
  state.volatile = true
  const cached = cache(60_000)
  await cached.decide(ask(['a', request('r1')]))
  await cached.decide(ask(['b', request('r1')]))
  expect(asked).toEqual([['a'], ['b']])
})

test('a failure is not remembered', async () => {
  const failing: Pdp = {
    decide: async (requests) => new Map([...requests.keys()].map((id) => [id, new Failure('JW_PDP_POISON', 'x')])),
    filter: async () => new Map(),
  }
  const cached = new DecisionCache(failing, {
    ttlMs: 60_000,
    maxEntries: 10,
    revision: async () => 'r1',
    isVolatile: async () => false,
  })
  await cached.decide(ask(['a', request('r1')]))
  expect(cached.figures).toEqual({ hits: 0, misses: 1, entries: 0 })
})
