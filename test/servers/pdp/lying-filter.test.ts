import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Workspace, openWorkspace } from '../../../devkit/workspace.ts'
import { requireNoServers } from '../devkit/no-leaks.ts'
import { aCommand } from '../../support/a-command.ts'
import { CircuitWatch } from '../../support/circuit-watch.ts'
import { LyingPdp, type Script, allowAll, answers, says } from '../../support/lying-pdp.ts'
import { openClient } from '../../support/pdp-client.ts'
import { enforce } from '../../support/recording-enforcement.ts'
import { ENTRY_POINT, startPolicies, writeModules } from '../../support/start-policies.ts'

let workspace: Workspace

beforeAll(async () => {
  workspace = await openWorkspace()
})
afterAll(async () => {
  await workspace.close()
  requireNoServers()
})

const result = (value: unknown) => says(JSON.stringify({ result: value }))

/** Tells `truth` about decisions, and lies about filters. The text of its policies keeps no filter from being made. */
function liesAboutFilters(script: Script, truth: Script = allowAll): Script {
  return (response, question) => {
    if (question.path.startsWith('/v1/policies')) return result([])(response, question)
    return (question.path.startsWith('/v1/compile') ? script : truth)(response, question)
  }
}

const denyAll = answers(() => ({ allow: false, reasons: [{ code: 'denied', message: 'No.' }] }))
const everyRow = result({ queries: [[]] })
const term = (type: string, value: unknown) => ({ type, value })
const deletion = () => aCommand({ action: 'delete', resource: { type: 'document' } })

describe('what a PDP says of filters never decides: the rows are asked about one by one', () => {
  const lies: Readonly<Record<string, Script>> = {
    'every row': everyRow,
    'a result that is true': result(true),
    'a query that is true': result({ queries: [[{ terms: term('boolean', true) }]] }),
    'queries that are a word': result({ queries: 'true' }),
    'a literal of nothing': result({ queries: [[{}]] }),
    'a call of nothing': result({ queries: [[{ terms: [] }]] }),
    'a call of what is no reference': result({ queries: [[{ terms: [7, 7] }]] }),
    'a term of no type that there is': result({ queries: [[{ terms: term('spell', 'abracadabra') }]] }),
    'a reference to what is not there': result({ queries: [[{ terms: term('ref', [term('var', 'data')]) }]] }),
    'nesting without end': says('['.repeat(10_000)),
    'the queries twice': says('{"result":{"queries":[],"queries":[[]]}}'),
    null: says('null'),
    'truncated JSON': says('{"result":{"queries":[['),
    'HTML with 200': says('<html>'),
    'HTML with 400': says('<html>', 400),
    '413': says('{}', 413),
    '500': says('{}', 500),
    'no answer': () => undefined,
  }

  test.each(Object.entries(lies))('%s', async (_name, script) => {
    for (const [truth, rows] of [
      [denyAll, 0],
      [allowAll, 1],
    ] as const) {
      await using pdp = await LyingPdp.open(liesAboutFilters(script, truth))
      await using client = await openClient({ url: pdp.url, timeoutMs: 600 })
      const { settlements, recorded } = await enforce([deletion()], client)
      expect(settlements).toMatchObject([{ outcome: 'executed', count: rows }])
      expect(recorded).toMatchObject([{ rows: rows === 0 ? [] : [{ key: 'resource_1', version: '1' }] }])
    }
  })

  test.each<[string, Script, string]>([
    ['401', says('{}', 401), 'JW_PDP_REJECTED'],
    ['503', says('{}', 503), 'JW_PDP_SERVER_ERROR'],
    ['a reset', (response) => response.socket?.resetAndDestroy(), 'JW_PDP_UNREACHABLE'],
  ])('but %s says that OPA is down or closed: the command waits', async (_name, script, code) => {
    await using pdp = await LyingPdp.open(liesAboutFilters(script))
    await using client = await openClient({ url: pdp.url })
    const { settlements, recorded, published } = await enforce([deletion()], client)
    expect(settlements).toMatchObject([{ code, disposition: 'delay' }])
    expect({ recorded, published }).toEqual({ recorded: [], published: [] })
  })

  test('a pause of OPA widens no filter: it is asked again', async () => {
    let paused = false
    const none = result({})
    const script: Script = (response, question) => {
      if (paused) return none(response, question)
      paused = true
      return undefined
    }
    await using pdp = await LyingPdp.open(liesAboutFilters(script))
    await using client = await openClient({ url: pdp.url, timeoutMs: 600 })
    const { settlements } = await enforce([deletion()], client)
    expect(settlements).toMatchObject([{ outcome: 'denied', reasons: [{ code: 'no_rows_allowed' }] }])
  })

  test('no row is believed of the revision that is active, and of no other', async () => {
    const none = result({})
    await using pdp = await LyingPdp.open(liesAboutFilters(none))
    await using client = await openClient({ url: pdp.url })
    expect((await enforce([deletion()], client)).settlements).toMatchObject([
      { reasons: [{ code: 'no_rows_allowed' }] },
    ])
    let asked = 0
    pdp.script = liesAboutFilters(none, (response, { ids }) => {
      asked += 1
      const revision = `changed-${asked}`
      says(
        JSON.stringify({ result: { revision, answers: Object.fromEntries(ids.map((id) => [id, { allow: true }])) } }),
      )(response, { method: '', path: '', body: '', ids })
    })
    expect((await enforce([deletion()], client)).settlements).toMatchObject([{ code: 'JW_PDP_NOT_READY' }])
  })

  test('decisions of another revision than the filter are none', async () => {
    await using pdp = await LyingPdp.open(liesAboutFilters(everyRow))
    await using client = await openClient({ url: pdp.url })
    pdp.script = liesAboutFilters(everyRow, (response, question) =>
      answersOf(question.ids.length === 0 ? 'r1' : 'r2')(response, question),
    )
    const { settlements, recorded } = await enforce([deletion()], client)
    expect(settlements).toMatchObject([{ code: 'JW_PDP_NOT_READY', disposition: 'delay' }])
    expect(recorded).toEqual([])
  })
})

function answersOf(revision: string): Script {
  return (response, question) => {
    const all = Object.fromEntries(question.ids.map((id) => [id, { allow: true }]))
    result({ revision, answers: all })(response, question)
  }
}

describe('a policy that errs or conflicts on a row leaves the row out, and says so', () => {
  const DATA_FILTER = 'package data_filter\n\nimport rego.v1\n\ndefault allow := true'
  const OWNED = 'default allow := false\n\nallow if {\n\tinput.resource.owner == input.user.id\n\tnot blocked\n}\n\n'

  test.each([
    ['errs', `${OWNED}blocked if time.parse_rfc3339_ns(input.user.until) > 0`],
    ['conflicts', `${OWNED}blocked := true if input.user.until\n\nblocked := false if input.user.until`],
    ['has a second value', `${OWNED}allow := false if input.user.until\n\nblocked if false`],
  ])('a rule that %s on the user', async (_what, rules) => {
    const modules = await writeModules(workspace, `package authz\n\nimport rego.v1\n\n${rules}`, DATA_FILTER)
    const { url } = await startPolicies(workspace, [modules, ENTRY_POINT])
    const watch = new CircuitWatch()
    const circuit = { errorPercent: 1, minimumCalls: 1, resetMs: 60_000 }
    await using client = await openClient({ url, circuit, ...watch.option })
    const user = { id: 'user_123', role: 'user', until: 'never' }
    const { settlements, published } = await enforce(
      [aCommand({ action: 'delete', resource: { type: 'document' }, user }), deletion()],
      client,
    )
    expect(settlements).toMatchObject([
      { outcome: 'executed', count: 0, undecided: 1, reasons: [{ code: 'undecided' }] },
      { outcome: 'executed', count: 1 },
    ])
    expect(published).toMatchObject([{ denial: { outcome: 'executed', reasons: [{ code: 'undecided' }] } }])
    expect(watch.changes).toEqual([])
  })
})

test.each([
  ['test-producer', 1],
  ['another', 0],
])('policies see who signed, for a resource and for the rows of a collection: only %s may', async (producer, count) => {
  const rule = `default allow := false\n\nallow if input.producer == "${producer}"`
  const modules = await writeModules(
    workspace,
    `package authz\n\nimport rego.v1\n\n${rule}`,
    'package data_filter\n\nimport rego.v1\n\ndefault allow := true',
  )
  const { url } = await startPolicies(workspace, [modules, ENTRY_POINT])
  await using client = await openClient({ url })
  const { settlements } = await enforce([aCommand({ action: 'delete' }), deletion()], client)
  expect(settlements).toMatchObject(
    count === 1
      ? [{ outcome: 'executed' }, { outcome: 'executed', count }]
      : [{ outcome: 'denied' }, { outcome: 'denied' }],
  )
})

test('one deadline is over the whole of a filter query, also when each of its parts would be in time', async () => {
  const late: Script = (response, question) => {
    setTimeout(() => liesAboutFilters(everyRow)(response, question), 120)
  }
  await using pdp = await LyingPdp.open(late)
  await using client = await openClient({ url: pdp.url, timeoutMs: 300 })
  const { settlements, recorded } = await enforce([deletion()], client)
  expect(settlements).toMatchObject([{ code: 'JW_PDP_TIMEOUT', disposition: 'delay' }])
  expect(recorded).toEqual([])
})
