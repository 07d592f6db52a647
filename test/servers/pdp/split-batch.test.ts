import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { DecisionRequest } from '../../../src/domain/decision.ts'
import { Failure } from '../../../src/domain/failure.ts'
import type { LocalOpa } from '../../../devkit/start-opa.ts'
import { type Workspace, openWorkspace } from '../../../devkit/workspace.ts'
import { splitBatch } from '../../../src/pdp/split-batch.ts'
import { requireNoServers } from '../devkit/no-leaks.ts'
import { aCommand } from '../../support/a-command.ts'
import { CircuitWatch } from '../../support/circuit-watch.ts'
import { LyingPdp, type Script, allowAll, says } from '../../support/lying-pdp.ts'
import { aBatch, aRequest, openClient } from '../../support/pdp-client.ts'
import { enforce } from '../../support/recording-enforcement.ts'
import { ENTRY_POINT, SHIPPED, startPolicies } from '../../support/start-policies.ts'

/** The policies of test/servers/policies/poison conflict over one resource, so that OPA answers its batch with 500. */
let workspace: Workspace
let opa: LocalOpa

beforeAll(async () => {
  workspace = await openWorkspace()
  opa = await startPolicies(workspace, ['test/servers/policies/poison', ENTRY_POINT])
})
afterAll(async () => {
  await workspace.close()
  requireNoServers()
})

const poison = aRequest({ resource: { type: 'document', id: 'poison', owner: 'user_123' } })
const POISON =
  /^JW_PDP_POISON: .* rule data\.authz\.allow produced conflicting values in \S+poison\/authz\/authz\.rego:\d+\./
const circuit = { errorPercent: 1, minimumCalls: 1, resetMs: 60_000 }

/** So many requests that are allowed, but for the poisonous ones at these places. */
function poisoned(size: number, places: readonly number[]): Map<string, DecisionRequest> {
  const request = (place: number) => (places.includes(place) ? poison : aRequest())
  return new Map(Array.from({ length: size }, (_, place) => [`job${place}`, request(place)]))
}

describe('a poison job stands alone in the end, and the others get their decisions', () => {
  test.each<[string, number, readonly number[]]>([
    ['the first of two', 2, [0]],
    ['the last of two', 2, [1]],
    ['the middle of three', 3, [1]],
    ['the first of two hundred', 200, [0]],
    ['one of two hundred', 200, [77]],
    ['the last of two hundred', 200, [199]],
    ['three of two hundred', 200, [5, 77, 78]],
    ['all but the last of four', 4, [0, 1, 2]],
  ])('%s', async (_which, size, places) => {
    const watch = new CircuitWatch()
    await using client = await openClient({ url: opa.url, circuit, ...watch.option })
    const decided = await client.decide(poisoned(size, places))
    const ends = [...decided].map(([id, answer]) => [id, answer instanceof Failure ? answer.message : answer.effect])
    const expected: Record<string, unknown> = Object.fromEntries([...decided.keys()].map((id) => [id, 'allow']))
    for (const place of places) expected[`job${place}`] = expect.stringMatching(POISON)
    expect(decided.size).toBe(size)
    expect(Object.fromEntries(ends)).toEqual(expected)
    expect(watch.changes).toEqual([])
  })

  test('and only they have effects', async () => {
    await using client = await openClient({ url: opa.url })
    const resource = (id: string) => ({ type: 'document', id })
    const commands = ['d1', 'd2', 'poison', 'd3'].map((id) => aCommand({ action: 'delete', resource: resource(id) }))
    const { settlements, recorded, published } = await enforce(commands, client)
    expect(settlements.map((each) => (each instanceof Failure ? each.code : each.outcome))).toEqual([
      'executed',
      'executed',
      'JW_PDP_POISON',
      'executed',
    ])
    expect(recorded.map(({ resourceId }) => resourceId)).toEqual(['d1', 'd2', 'd3'])
    expect(published).toEqual([])
  })
})

describe('a poison job never suspends the others', () => {
  test.each([1, 2, 200])('however often it comes back in batches of %i', async (size) => {
    const watch = new CircuitWatch()
    await using client = await openClient({ url: opa.url, circuit, ...watch.option })
    for (let delivery = 0; delivery < 10; delivery++) await client.decide(poisoned(size, [0]))
    expect([client.suspended, watch.changes]).toEqual([false, []])
    expect((await client.decide(aBatch(3))).size).toBe(3)
  })

  test('when it comes alone it is known by a request that is at no fault, and spends an attempt', async () => {
    await using client = await openClient({ url: opa.url, circuit })
    for (const size of [1, 2, 8]) {
      const places = Array.from({ length: size }, (_, place) => place)
      const decided = await client.decide(poisoned(size, places))
      expect(decided.size).toBe(size)
      for (const failure of decided.values())
        expect(failure).toMatchObject({ code: 'JW_PDP_POISON', disposition: 'attempt' })
    }
    expect(client.suspended).toBe(false)
  })
})

describe('a PDP that fails for all is at fault itself', () => {
  test.each<[string, Script, string]>([
    ['500', says('', 500), 'JW_PDP_SERVER_ERROR'],
    ['no JSON', says('<html>'), 'JW_PDP_BAD_RESPONSE'],
    ['413', says('', 413), 'JW_PDP_REJECTED'],
  ])('%s is reported as it is after two requests', async (_what, script, code) => {
    await using pdp = await LyingPdp.open(script)
    await using client = await openClient({ url: pdp.url })
    await expect(client.decide(aBatch(1_000))).rejects.toMatchObject({ code, disposition: 'delay' })
    expect(pdp.questions).toHaveLength(2)
  })

  test('when it fails for every job, all of them wait after a few requests', async () => {
    const failing: Script = (response, question) =>
      question.ids.length === 0 ? allowAll(response, question) : says('', 500)(response, question)
    await using pdp = await LyingPdp.open(failing)
    await using client = await openClient({ url: pdp.url })
    const decided = await client.decide(aBatch(1_000))
    expect(decided.size).toBe(1_000)
    expect(new Set([...decided.values()].map((answer) => answer instanceof Failure && answer.code))).toEqual(
      new Set(['JW_PDP_SERVER_ERROR']),
    )
    expect(pdp.questions.length).toBeLessThan(30)
  })

  test('when it goes down in the middle, the whole batch fails with that', async () => {
    const goesDown: Script = (response, question) => {
      if (question.ids.length === 0) allowAll(response, question)
      else if (question.ids.length === 8) says('', 500)(response, question)
      else response.socket?.resetAndDestroy()
    }
    await using pdp = await LyingPdp.open(goesDown)
    await using client = await openClient({ url: pdp.url })
    await expect(client.decide(aBatch(8))).rejects.toMatchObject({ code: 'JW_PDP_UNREACHABLE' })
  })
})

test('a batch that is too large for a real OPA is halved until it fits', async () => {
  const extraArgs = ['--set', 'server.decoding.max_length=20000']
  const { url } = await startPolicies(workspace, [SHIPPED], { extraArgs })
  await using client = await openClient({ url, circuit })
  const decided = await client.decide(aBatch(500))
  expect(decided.size).toBe(500)
  for (const decision of decided.values()) expect(decision).toMatchObject({ effect: 'allow' })
})

/** Blames nobody when the control is poisonous too and the search finds no answer in time. */
test.each([
  ['that has an answer, each poisonous item is found', false, 255],
  ['that has none, each poisonous item is found or nobody is blamed', true, 240],
])('whatever the arrangement, beside a control %s', async (_what, control, expected) => {
  const conflict = new Failure('JW_PDP_SERVER_ERROR', 'conflict')
  const places = [0, 1, 2, 3, 4, 5, 6, 7]
  let blamed = 0
  for (let arrangement = 1; arrangement < 256; arrangement++) {
    const batch = new Map(places.map((place) => [place, (arrangement >> place) % 2 === 1]))
    const results = await splitBatch(
      batch,
      conflict,
      async (part) => {
        if ([...part.values()].includes(true)) throw conflict
        return new Map([...part.keys()].map((place) => [place, 'answer']))
      },
      [-1, control],
    )
    const ends = places.map((place) => {
      const end = results.get(place)
      return end instanceof Failure ? end.code : end
    })
    const nobody = ends.every((end) => end === 'JW_PDP_SERVER_ERROR')
    if (!nobody) blamed += 1
    const found = places.map((place) => (batch.get(place) === true ? 'JW_PDP_POISON' : 'answer'))
    expect(ends).toEqual(nobody ? places.map(() => 'JW_PDP_SERVER_ERROR') : found)
  }
  expect(blamed).toBe(expected)
})
