import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Command } from '../../../src/domain/command.ts'
import type { Decision, DecisionRequest } from '../../../src/domain/decision.ts'
import { Failure } from '../../../src/domain/failure.ts'
import { type Workspace, openWorkspace } from '../../../devkit/workspace.ts'
import { requireNoServers } from '../devkit/no-leaks.ts'
import { PEOPLE, aCommand } from '../../support/a-command.ts'
import { LyingPdp, allowAll, says } from '../../support/lying-pdp.ts'
import { aRequest, openClient } from '../../support/pdp-client.ts'
import { enforce } from '../../support/recording-enforcement.ts'
import { ENTRY_POINT, SHIPPED, startPolicies, writeModules } from '../../support/start-policies.ts'

/** Each test is named after a bug by which another system allowed what it should not, and shows that this one cannot. */
let workspace: Workspace

beforeAll(async () => {
  workspace = await openWorkspace()
})
afterAll(async () => {
  await workspace.close()
  requireNoServers()
})

/** Policies as careless as they come: whoever is not known to be blocked is allowed. */
const CARELESS = [
  'package authz\n\nimport rego.v1\n\ndefault allow := false\n\nallow if not blocked\n\nblocked if input.user.blocked == true',
  'package data_filter\n\nimport rego.v1\n\ndefault allow := true',
]
const careless = () => writeModules(workspace, ...CARELESS)

/** 30 kB of attributes before the one that matters. */
const padded = (blocked: boolean) => ({ ...PEOPLE.user123, padding: Array(30).fill('x'.repeat(1_000)), blocked })
const deletion = (user: Command['user'], id = 'resource_1') =>
  aCommand({ user, action: 'delete', resource: { type: 'document', id } })
const nothing = { recorded: [], published: [] }

test('Skipper CVE-2026-50197, CVE-2026-65838, GO-2026-6495: an oversized body is not judged as an empty one', async () => {
  const extraArgs = ['--set', 'server.decoding.max_length=20000']
  const { url } = await startPolicies(workspace, [await careless(), ENTRY_POINT], { extraArgs })
  await using client = await openClient({ url })
  const { settlements, ...done } = await enforce([deletion(padded(true))], client)
  expect(settlements).toMatchObject([{ code: 'JW_PDP_POISON', message: expect.stringContaining('body too large') }])
  expect(done).toEqual(nothing)
})

test('Moby CVE-2024-41110, CVE-2026-34040: more than 1 MB is judged to its last byte, and nothing is no answer', async () => {
  const { url } = await startPolicies(workspace, [await careless(), ENTRY_POINT])
  await using client = await openClient({ url })
  const request = (blocked: boolean) => aRequest({ user: padded(blocked) })
  const batch = new Map(Array.from({ length: 50 }, (_, index) => [`job${index}`, request(index === 49)]))
  expect(JSON.stringify([...batch]).length).toBeGreaterThan(1_500_000)
  const decided = await client.decide(batch)
  expect(decided.get('job49')).toMatchObject({ effect: 'deny' })
  expect(decided.get('job48')).toMatchObject({ effect: 'allow' })

  await using silent = await LyingPdp.open(says('', 200, { 'content-length': '0' }))
  await using unanswered = await openClient({ url: silent.url })
  const { settlements, ...done } = await enforce([deletion(PEOPLE.guest)], unanswered)
  expect(settlements).toMatchObject([{ code: 'JW_PDP_BAD_RESPONSE' }])
  expect(done).toEqual(nothing)
})

test('gRPC-Go CVE-2026-33186: what is executed is spelled as what was judged, or is not a command', async () => {
  await using pdp = await LyingPdp.open(allowAll)
  await using client = await openClient({ url: pdp.url })
  for (const type of ['/document', 'document/', 'Document', 'resources.documents', 'document ', 'd\u043ecument']) {
    const { settlements, recorded } = await enforce([aCommand({ resource: { type, id: 'resource_1' } })], client)
    expect(settlements).toMatchObject([{ outcome: 'invalid' }])
    expect(recorded).toEqual([])
  }
  expect(pdp.questions).toEqual([])

  const id = '/resource_1/../resource_2'
  const { recorded } = await enforce([deletion(PEOPLE.admin, id)], client)
  expect(recorded).toMatchObject([{ action: 'delete', resourceType: 'document', resourceId: id }])
  expect(JSON.parse(pdp.questions[0]?.body ?? '')).toMatchObject({
    input: { requests: { [recorded[0]?.commandId ?? '']: { action: 'delete', resource: { type: 'document', id } } } },
  })
})

test('OPA CVE-2025-46569: whatever a job says, it is never part of a path', async () => {
  await using pdp = await LyingPdp.open(allowAll)
  await using client = await openClient({ url: pdp.url })
  const rego = '"]; data.jobs.permit = true; x = ["'
  for (const text of [rego, '../../v1/policies/authz', '?explain=full', '%2e%2e', 'a\r\nhost: b']) {
    const user = { id: text, role: text, department: text, extra: [text] }
    await enforce(
      [deletion(user, text), aCommand({ user, resource: { type: 'document', where: { owner: text } } })],
      client,
    )
  }
  expect(new Set(pdp.questions.map(({ method, path }) => `${method} ${path}`))).toEqual(
    new Set(['POST /v1/data/jobs/decisions?strict-builtin-errors=true', 'POST /v1/compile', 'GET /v1/policies']),
  )
})

function effectOf(answer: Decision | Failure | undefined): string | undefined {
  return answer instanceof Failure ? answer.code : answer?.effect
}

/** The request with every other choice of attributes left out. */
function incomplete({ user, action, resource }: DecisionRequest): DecisionRequest[] {
  const { type, id, owner, department } = resource
  const plain = { id: user.id, role: user.role }
  const bare = { type, id }
  const ownerless = { ...bare, department }
  const homeless = { ...bare, owner }
  const partial = [ownerless, homeless, bare].flatMap((kept) => [
    { user, action, resource: kept },
    { user: plain, action, resource: kept },
  ])
  return [{ user: plain, action, resource }, ...partial]
}

test('agent-governance-toolkit #3297: an attribute that is missing never turns a denial into an allow', async () => {
  const { url } = await startPolicies(workspace, [SHIPPED])
  await using client = await openClient({ url })
  const resource = { type: 'document', id: 'd1', owner: 'user_123', department: 'engineering' }
  const complete = (['read', 'update', 'delete'] as const).flatMap((action) =>
    Object.values(PEOPLE).map((user) => ({ user, action, resource })),
  )
  const effects = async (requests: readonly DecisionRequest[]) => {
    const decided = await client.decide(new Map(requests.map((request, index) => [`job${index}`, request])))
    return requests.map((_, index) => effectOf(decided.get(`job${index}`)))
  }
  const judged = await effects(complete)
  expect(new Set(judged)).toEqual(new Set(['allow', 'deny']))
  const denied = complete.filter((_, index) => judged[index] === 'deny')
  expect(new Set(await effects(denied.flatMap(incomplete)))).toEqual(new Set(['deny']))
})

test('apilens #158: an OPA that does not answer in time lets no viewer delete', async () => {
  const opa = await startPolicies(workspace, [SHIPPED])
  await using client = await openClient({ url: opa.url, timeoutMs: 150 })
  await opa.server.kill('SIGSTOP')
  const { settlements, ...done } = await enforce([deletion(PEOPLE.guest), deletion(PEOPLE.admin)], client)
  await opa.server.kill('SIGCONT')
  expect(settlements).toMatchObject([
    { code: 'JW_PDP_TIMEOUT', disposition: 'delay' },
    { code: 'JW_PDP_TIMEOUT', disposition: 'delay' },
  ])
  expect(done).toEqual(nothing)
})

test('speedle-plus #36: a deny rule that errs is a failure of its job, not a rule less', async () => {
  const errs = 'package authz\n\nimport rego.v1\n\nblocked if time.parse_rfc3339_ns(input.user.suspended_until) > 0'
  const { url } = await startPolicies(workspace, [await careless(), await writeModules(workspace, errs), ENTRY_POINT])
  await using client = await openClient({ url })
  const suspended = { ...PEOPLE.user123, suspended_until: 'no-such-secret-date' }
  const commands = [deletion(PEOPLE.user123, 'd1'), deletion(suspended, 'd2'), deletion(PEOPLE.user123, 'd3')]
  const { settlements, recorded } = await enforce(commands, client)
  expect(settlements).toMatchObject([{ outcome: 'executed' }, { code: 'JW_PDP_POISON' }, { outcome: 'executed' }])
  expect(recorded.map(({ resourceId }) => resourceId)).toEqual(['d1', 'd3'])
  const [, failure] = settlements
  const message = failure instanceof Failure ? failure.message : ''
  expect(message).toMatch(/eval_builtin_error: time\.parse_rfc3339_ns in \S+\.rego:\d+\./)
  expect(message).not.toContain('no-such-secret-date')
})

test('the loop of the OPA SDK: an error object in the place of a decision is truthy, and allows nothing', async () => {
  const { url } = await startPolicies(workspace, ['test/servers/policies/poison', ENTRY_POINT])
  await using client = await openClient({ url })
  const poison = aRequest({ resource: { type: 'document', id: 'poison', owner: 'user_123' } })
  const decided = await client.decide(
    new Map([
      ['good', aRequest()],
      ['bad', poison],
    ]),
  )
  expect(Boolean(decided.get('bad'))).toBe(true)
  expect(decided.get('bad')).not.toHaveProperty('effect')
  const { settlements, recorded } = await enforce(
    [deletion(PEOPLE.user123, 'poison'), deletion(PEOPLE.user123)],
    client,
  )
  expect(settlements).toMatchObject([{ code: 'JW_PDP_POISON' }, { outcome: 'executed' }])
  expect(recorded.map(({ resourceId }) => resourceId)).toEqual(['resource_1'])
})

test('OPA: 200 without a result, its word for undefined, is neither an allow nor a denial', async () => {
  const empty = await startPolicies(workspace, [])
  const half = await startPolicies(workspace, ['policies/authz', ENTRY_POINT])
  for (const { url } of [empty, half]) {
    await using client = await openClient({ url })
    const { settlements, ...done } = await enforce([deletion(PEOPLE.admin), deletion(PEOPLE.guest)], client)
    expect(settlements).toMatchObject([{ code: 'JW_PDP_NOT_READY' }, { code: 'JW_PDP_NOT_READY' }])
    expect(done).toEqual(nothing)
  }
})
