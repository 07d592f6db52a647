import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildBundle } from '../../../src/policy-tools/write-bundle.ts'
import { obtainOpa } from '../../../devkit/obtain-opa.ts'
import { type LocalOpa, startOpa } from '../../../devkit/start-opa.ts'
import { type Workspace, openWorkspace } from '../../../devkit/workspace.ts'

/** The shipped policies as a bundle on a real OPA, asked as workers ask them. */
let workspace: Workspace
let opa: LocalOpa

beforeAll(async () => {
  workspace = await openWorkspace()
  const { path } = await obtainOpa()
  const out = join(workspace.path, 'bundle.tar.gz')
  await buildBundle({ opa: path, policies: 'policies', out, revision: 'r1' })
  opa = await startOpa({ workspace, opa: path, bundle: out })
})

afterAll(() => workspace.close())

async function post(path: string, body: unknown, accept = 'application/json'): Promise<unknown> {
  const response = await fetch(`${opa.url}${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { accept, 'content-type': 'application/json' },
  })
  return response.json()
}

function decide(requests: Readonly<Record<string, unknown>>): Promise<unknown> {
  return post('/v1/data/jobs/decisions', { input: { requests } })
}

function filter(user: unknown, action: string): Promise<unknown> {
  return post('/v1/compile', {
    query: 'data.jobs.permit == true',
    input: { user, action, resource: { type: 'document' } },
    unknowns: ['input.resource.owner', 'input.resource.department'],
  })
}

const manager = { id: 'mona', role: 'manager', department: 'engineering' }
const unseen = { type: 'document', id: 'd1', owner: 'bob', department: 'sales' }
const missing = { type: 'document', id: 'd1' }

test('a batch has one answer for every id and the revision of the bundle', async () => {
  expect(
    await decide({
      hers: { user: { id: 'bob', role: 'user' }, action: 'read', resource: unseen },
      his: { user: { id: 'eve', role: 'user' }, action: 'delete', resource: unseen },
      nothing: null,
    }),
  ).toEqual({
    result: {
      revision: 'r1',
      answers: {
        hers: { allow: true },
        his: {
          allow: false,
          reasons: [
            { code: 'not_owner', message: 'The user owns no such resource.' },
            { code: 'role_may_not_delete', message: 'Only admins may delete resources.' },
          ],
        },
        nothing: {
          allow: false,
          reasons: [
            expect.objectContaining({ code: 'not_owner' }),
            expect.objectContaining({ code: 'unknown_action' }),
          ],
        },
      },
    },
  })
})

test('an empty batch has no answers, but the revision', async () => {
  expect(await decide({})).toEqual({ result: { revision: 'r1', answers: {} } })
})

test.each(['read', 'update', 'delete'])('to %s, an unseen resource looks as if it were missing', async (action) => {
  const users = [manager, { id: 'carl', role: 'user' }, { id: 'gus', role: 'guest' }]
  const ask = (resource: unknown) =>
    decide(Object.fromEntries(users.map((user) => [user.id, { user, action, resource }])))
  expect(await ask(unseen)).toEqual(await ask(missing))
})

test('what remains for rows that are not known is a condition, no condition, or nothing at all', async () => {
  const user = { id: 'carl', role: 'user' }
  const owner = {
    type: 'ref',
    value: ['input', 'resource', 'owner'].map((value, index) => ({ type: index === 0 ? 'var' : 'string', value })),
  }
  const equal = { type: 'ref', value: [{ type: 'var', value: 'eq' }] }
  const owns = (index: number) => ({ index, terms: [equal, { type: 'string', value: 'carl' }, owner] })
  expect(await filter(user, 'update')).toEqual({ result: { queries: [[owns(0), owns(1)]] } })
  expect(await filter({ id: 'root', role: 'admin' }, 'delete')).toMatchObject({
    result: { queries: expect.arrayContaining([[]]) },
  })
  expect(await filter(user, 'delete')).toEqual({ result: {} })
})
