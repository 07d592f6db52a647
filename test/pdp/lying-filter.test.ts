import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Failure } from '../../src/domain/failure.ts'
import { type Workspace, openWorkspace } from '../../src/local/workspace.ts'
import { requireNoServers } from '../local/no-leaks.ts'
import { PEOPLE, aCommand } from '../support/a-command.ts'
import { CircuitWatch } from '../support/circuit-watch.ts'
import { LyingPdp, type Script, allowAll, says } from '../support/lying-pdp.ts'
import { openClient } from '../support/pdp-client.ts'
import { enforce } from '../support/recording-enforcement.ts'
import { ENTRY_POINT, startPolicies, writeModules } from '../support/start-policies.ts'

let workspace: Workspace

beforeAll(async () => {
  workspace = await openWorkspace()
})
afterAll(async () => {
  await workspace.close()
  requireNoServers()
})

/** Tells the truth about decisions, and lies about filters. */
function liesAboutFilters(script: Script): Script {
  return (response, question) => (question.path.startsWith('/v1/compile') ? script : allowAll)(response, question)
}

const owned = { type: 'field', operator: 'eq', field: 'resource.owner', value: 'user_123' }
const filters = (result: unknown) => says(JSON.stringify({ result }))
const queries = (query: unknown) => filters({ query, masks: { revision: 'r1', columns: {} } })
const deletion = (user: Parameters<typeof aCommand>[0] = {}) =>
  aCommand({ action: 'delete', resource: { type: 'document' }, ...user })

describe('a filter that is none lets nothing be deleted, and its failure has a name', () => {
  const lies: Readonly<Record<string, readonly [Script, string]>> = {
    'a query that is true': [queries(true), 'JW_PDP_BAD_RESPONSE'],
    'a query that is the word true': [queries('true'), 'JW_PDP_BAD_RESPONSE'],
    'an empty query': [queries(''), 'JW_PDP_BAD_RESPONSE'],
    'a query that is null': [queries(null), 'JW_PDP_BAD_RESPONSE'],
    'a query in a list': [queries([owned]), 'JW_PDP_BAD_RESPONSE'],
    'an SQL query': [queries("WHERE owner = 'user_123'"), 'JW_PDP_BAD_RESPONSE'],
    'an operator that is none': [queries({ ...owned, operator: 'like' }), 'JW_PDP_BAD_RESPONSE'],
    'and of nothing': [queries({ type: 'compound', operator: 'and', value: [] }), 'JW_PDP_BAD_RESPONSE'],
    'a condition on something else': [queries({ ...owned, field: 'user.id' }), 'JW_FILTER_UNSUPPORTED'],
    'every row, which no evaluation confirms': [queries({}), 'JW_FILTER_UNSUPPORTED'],
    'no masks': [filters({ query: owned }), 'JW_PDP_BAD_RESPONSE'],
    'no revision': [filters({ query: owned, masks: { columns: {} } }), 'JW_PDP_BAD_RESPONSE'],
    'another revision': [filters({ query: owned, masks: { revision: 'r0', columns: {} } }), 'JW_PDP_NOT_READY'],
    'a value with a NUL': [queries({ ...owned, value: '\0' }), 'JW_PDP_BAD_RESPONSE'],
    'the query twice': [says('{"result":{"query":{},"query":{}}}'), 'JW_PDP_BAD_RESPONSE'],
    null: [says('null'), 'JW_PDP_BAD_RESPONSE'],
    'truncated JSON': [says('{"result":{"query":{}'), 'JW_PDP_BAD_RESPONSE'],
    'HTML with 200': [says('<html>'), 'JW_PDP_BAD_RESPONSE'],
    'HTML with 400': [says('<html>', 400), 'JW_PDP_REJECTED'],
    '401': [says('{}', 401), 'JW_PDP_REJECTED'],
    '500': [says('{}', 500), 'JW_PDP_SERVER_ERROR'],
    '503': [says('{}', 503), 'JW_PDP_SERVER_ERROR'],
    'a reset': [(response) => response.socket?.resetAndDestroy(), 'JW_PDP_UNREACHABLE'],
    'no answer': [() => undefined, 'JW_PDP_TIMEOUT'],
  }
  test.each(Object.entries(lies))('%s', async (_name, [script, code]) => {
    await using pdp = await LyingPdp.open(liesAboutFilters(script))
    await using client = await openClient({ url: pdp.url, timeoutMs: code === 'JW_PDP_TIMEOUT' ? 150 : 5_000 })
    const { settlements, recorded, published } = await enforce([deletion()], client)
    expect(settlements).toMatchObject([{ code, message: expect.stringMatching(/./) }])
    expect({ recorded, published }).toEqual({ recorded: [], published: [] })
  })

  test('and one that is proper is used, so nothing above holds for nothing', async () => {
    await using pdp = await LyingPdp.open(liesAboutFilters(queries(owned)))
    await using client = await openClient({ url: pdp.url })
    const { recorded } = await enforce([deletion()], client)
    expect(recorded).toMatchObject([{ action: 'delete', filter: { kind: 'where' } }])
  })
})

describe('partial evaluation drops a rule that errs or conflicts, so a decision must go well too', () => {
  const DATA_FILTER = 'package data_filter\n\nimport rego.v1\n\ndefault allow := true'
  const OWNED = 'default allow := false\n\nallow if {\n\tinput.resource.owner == input.user.id\n\tnot blocked\n}\n\n'
  const BLOCKED = OWNED.replace(/(\tinput.*\n)(\tnot.*\n)/, '$2$1')

  test.each([
    ['errs first', `${BLOCKED}blocked if time.parse_rfc3339_ns(input.user.until) > 0`],
    ['errs', `${OWNED}blocked if time.parse_rfc3339_ns(input.user.until) > 0`],
    ['conflicts', `${OWNED}blocked := true if input.user.until\n\nblocked := false if input.user.until`],
  ])('a deny rule that %s on the user delays the deletion, and is not held against OPA', async (_what, rules) => {
    const modules = await writeModules(workspace, `package authz\n\nimport rego.v1\n\n${rules}`, DATA_FILTER)
    const { url } = await startPolicies(workspace, [modules, ENTRY_POINT])
    const watch = new CircuitWatch()
    const circuit = { errorPercent: 1, minimumCalls: 1, resetMs: 60_000 }
    await using client = await openClient({ url, circuit, ...watch.option })
    const user = { ...PEOPLE.user123, until: 'whenever' }
    for (let delivery = 0; delivery < 3; delivery++) {
      const { settlements, recorded, published } = await enforce([deletion({ user }), deletion()], client)
      expect(settlements).toMatchObject([{ code: 'JW_PDP_SERVER_ERROR' }, { outcome: 'executed' }])
      expect(settlements[0]).toBeInstanceOf(Failure)
      expect(recorded).toHaveLength(1)
      expect(published).toEqual([])
    }
    expect(watch.changes).toEqual([])
  })
})

test('one deadline is over the whole of a filter query, also when each of its parts would be in time', async () => {
  const timeoutMs = 300
  const late: Script = (response, question) => {
    setTimeout(() => liesAboutFilters(queries(owned))(response, question), 120)
  }
  await using pdp = await LyingPdp.open(late)
  await using client = await openClient({ url: pdp.url, timeoutMs })
  const { settlements, recorded } = await enforce([deletion()], client)
  expect(settlements).toMatchObject([{ code: 'JW_PDP_TIMEOUT', disposition: 'delay' }])
  expect(recorded).toEqual([])
})
