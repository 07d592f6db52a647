import diagnostics from 'node:diagnostics_channel'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Workspace, openWorkspace } from '../../../devkit/workspace.ts'
import { freePort } from '../../../devkit/free-port.ts'
import type { LocalOpa } from '../../../devkit/start-opa.ts'
import { requireNoServers } from '../devkit/no-leaks.ts'
import { PEOPLE } from '../../support/a-command.ts'
import { LyingPdp, type Script, allowAll, says } from '../../support/lying-pdp.ts'
import { aBatch, aRequest, openClient } from '../../support/pdp-client.ts'
import { SHIPPED, startPolicies, writeModules } from '../../support/start-policies.ts'

let workspace: Workspace
let opa: LocalOpa
let empty: LocalOpa

beforeAll(async () => {
  workspace = await openWorkspace()
  const probe = await writeModules(workspace, 'package probe\n\nseen := input\n\nbig := numbers.range(1, 100000)\n')
  opa = await startPolicies(workspace, [SHIPPED, probe])
  empty = await startPolicies(workspace, [])
})
afterAll(async () => {
  await workspace.close()
  requireNoServers()
})

describe('a batch is decided', () => {
  test('every id gets its own decision, and denials say why', async () => {
    await using client = await openClient({ url: opa.url })
    const requests = new Map([
      ['owner', aRequest()],
      ['guest', aRequest({ user: PEOPLE.guest })],
      ['admin', aRequest({ user: PEOPLE.admin, action: 'delete' })],
    ])
    const policyRevision = 'unversioned'
    const reasons = [{ code: 'not_owner', message: 'The user owns no such resource.' }]
    expect(await client.decide(requests)).toEqual(
      new Map<string, unknown>([
        ['owner', { effect: 'allow', policyRevision }],
        ['guest', { effect: 'deny', policyRevision, reasons }],
        ['admin', { effect: 'allow', policyRevision }],
      ]),
    )
  })

  test('ids that JavaScript has a meaning for are ids like others', async () => {
    await using client = await openClient({ url: opa.url })
    const ids = ['constructor', 'toString', 'hasOwnProperty', 'valueOf', 'length', '0x1']
    const decided = await client.decide(aBatch(ids))
    expect([...decided.keys()].sort()).toEqual([...ids].sort())
    for (const decision of decided.values()) expect(decision).toMatchObject({ effect: 'allow' })
  })

  test('a thousand at once are decided too', async () => {
    await using client = await openClient({ url: opa.url })
    const decided = await client.decide(aBatch(1_000))
    expect(decided.size).toBe(1_000)
  })

  test('text of any script and any quoting reaches the policies as it is', async () => {
    await using client = await openClient({ url: opa.url })
    const input = { text: '"\\\u2028</script>😀Ω\u0001', numbers: [0, -1.5, 9_007_199_254_740_991], none: null }
    expect(await client.query('probe/seen', input)).toEqual(input)
  })
})

describe('any policy path is queried for its full result', () => {
  test('a rule gives its value, and a package all of its rules', async () => {
    await using client = await openClient({ url: opa.url })
    expect(await client.query('authz/allow', aRequest())).toBe(true)
    expect(await client.query('authz/allow', aRequest({ user: PEOPLE.guest }))).toBe(false)
    expect(await client.query('authz', aRequest({ user: PEOPLE.guest }))).toMatchObject({
      allow: false,
      reasons: [{ code: 'not_owner' }],
    })
  })

  test('a path that the policies do not define is a failure that names it, and says nothing of the PDP', async () => {
    const changes: boolean[] = []
    const circuit = { errorPercent: 1, minimumCalls: 1, resetMs: 60_000 }
    await using client = await openClient({ url: opa.url, circuit, onCircuitChange: (open) => changes.push(open) })
    for (let call = 0; call < 5; call++)
      await expect(client.query('authz/nothing', {})).rejects.toMatchObject({
        code: 'JW_PDP_NOT_READY',
        message: expect.stringContaining('/v1/data/authz/nothing is undefined'),
      })
    expect([client.suspended, changes]).toEqual([false, []])
  })

  test("a query without an input is a failure, not the policies' opinion on nothing", async () => {
    await using client = await openClient({ url: opa.url })
    await expect(client.query('authz/allow', undefined)).rejects.toThrow(/JW_PDP_BAD_RESPONSE.*api_usage_warning/)
  })

  test.each([
    '',
    '/',
    'authz/',
    '/authz/allow',
    '../policies',
    'authz/../../v1/policies',
    'authz?explain=full',
    'authz/allow#',
    'authz%2Fallow',
    'authz.allow',
    'authz["allow"]',
    'authz/allow; data.authz.allow = true',
    'authz/allow\r\nX-Injected: 1',
    'authz/allow\n',
    'authz/"',
    'authz/ä',
  ])('the path %j never leaves the worker', async (path) => {
    await using pdp = await LyingPdp.open(allowAll)
    await using client = await openClient({ url: pdp.url })
    await expect(client.query(path, {})).rejects.toMatchObject({ code: 'JW_PDP_REJECTED' })
    expect(pdp.questions).toEqual([])
  })
})

describe('health', () => {
  test('is up when the policies are there', async () => {
    await using client = await openClient({ url: opa.url })
    expect(await client.health()).toEqual({ ready: true })
  })

  test('is down without policies, though OPA answers', async () => {
    await using client = await openClient({ url: empty.url })
    expect(await client.health()).toMatchObject({ ready: false, failure: { code: 'JW_PDP_NOT_READY' } })
    await expect(client.decide(aBatch(2))).rejects.toMatchObject({ code: 'JW_PDP_NOT_READY', disposition: 'delay' })
  })

  test.each<[string, Script, string]>([
    ['bundles that are not active', says('{"error":"not all configured bundles activated"}', 500), 'JW_PDP_NOT_READY'],
    ['a token that OPA refuses', says('{}', 401), 'JW_PDP_REJECTED'],
    ['a proxy without OPA behind it', says('', 503), 'JW_PDP_SERVER_ERROR'],
    ['something that is not OPA', says('<html>'), 'JW_PDP_BAD_RESPONSE'],
  ])('is down with %s', async (_what, script, code) => {
    await using pdp = await LyingPdp.open(script)
    await using client = await openClient({ url: pdp.url })
    expect(await client.health()).toMatchObject({ ready: false, failure: { code } })
  })

  test('is down when nobody is there', async () => {
    await using client = await openClient({ url: `http://127.0.0.1:${await freePort()}` })
    expect(await client.health()).toMatchObject({ ready: false, failure: { code: 'JW_PDP_UNREACHABLE' } })
  })
})

test('connections are kept: a hundred calls share as many as are allowed', async () => {
  const connected: unknown[] = []
  const count = (message: unknown) => connected.push(message)
  diagnostics.subscribe('undici:client:connected', count)
  await using client = await openClient({ url: opa.url, connections: 2 })
  for (let round = 0; round < 25; round++) await Promise.all([1, 2, 3, 4].map(() => client.decide(aBatch(3))))
  diagnostics.unsubscribe('undici:client:connected', count)
  expect(connected).toHaveLength(2)
})

test('an answer of a real OPA that is larger than the cap is a failure', async () => {
  await using client = await openClient({ url: opa.url, maxResponseBytes: 10_000 })
  await expect(client.query('probe/big', {})).rejects.toThrow(/JW_PDP_BAD_RESPONSE.*more than 10000 bytes/)
  expect((await client.decide(aBatch(3))).size).toBe(3)
})
