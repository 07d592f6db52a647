import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { askCandidate } from '../../console/open-candidate.ts'
import { Failure } from '../../src/domain/failure.ts'
import { obtainOpa } from '../../src/local/obtain-opa.ts'
import { type Workspace, openWorkspace } from '../../src/local/workspace.ts'
import type { FilterRequest } from '../../src/pdp/pdp.ts'
import { resourceTypes } from '../../src/resources/registry.ts'
import { attributeColumns, type ResourceType } from '../../src/resources/resource-type.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { startAuthorizer } from '../../workers/authorizer.ts'
import { PEOPLE } from '../support/a-command.ts'
import { runCli } from '../support/run-cli.ts'
import { startStack } from '../support/stack.ts'

let workspace: Workspace
let opa: string

beforeAll(async () => {
  workspace = await openWorkspace()
  opa = (await obtainOpa()).path
})
afterAll(() => workspace.close())

let folders = 0

/** A folder of policies whose data_filter allows by the given rules. */
async function policiesWith(rules: string): Promise<string> {
  const dir = join(workspace.path, `policies-${(folders += 1)}`)
  for (const [name, text] of [
    ['authz', 'default allow := true\n'],
    ['data_filter', `default allow := false\n\n${rules}\n`],
  ] as const) {
    await mkdir(join(dir, name), { recursive: true })
    await writeFile(join(dir, name, `${name}.rego`), `package ${name}\n\nimport rego.v1\n\n${text}`)
  }
  return dir
}

const document = (): ResourceType => {
  const type = resourceTypes.get('document')
  if (type === undefined) throw new Error('no documents')
  return type
}

async function filterFor(dir: string, user: FilterRequest['user'] = PEOPLE.user123) {
  const request = { user, action: 'read', type: 'document', columns: attributeColumns(document()) } as const
  return askCandidate(dir, opa, async (pdp) => (await pdp.filter(new Map([['it', request]]))).get('it'))
}

describe('what OPA cannot translate is never a filter', () => {
  test.each([
    ['a builtin', 'allow if lower(input.resource.owner) == "a"', /data_filter\.rego:7: invalid builtin `lower`/],
    ['a bare attribute', 'allow if input.resource.owner', /data_filter\.rego:7: invalid statement/],
    ['an iteration', 'allow if input.resource.tags[_] == "x"', /data_filter\.rego:7: |not an attribute/],
    [
      'a lookup by an attribute, which OPA takes for every row',
      'allow if input.resource[input.resource.owner] == "x"',
      /OPA lost a condition/,
    ],
    [
      'a lookup by a number, which OPA takes for every row',
      'allow if input.resource[0] == "x"',
      /OPA lost a condition/,
    ],
    [
      'keys of the resource, which OPA takes for a column',
      'allow if {\n\tsome k, v in input.resource\n\tv == "x"\n}',
      /./,
    ],
    ['a number beyond 2^53, which OPA rounds', 'allow if input.resource.owner == 9007199254740993', /beyond 2\^53/],
  ])('%s', async (_what, rules, complaint) => {
    const answer = await filterFor(await policiesWith(rules))
    expect(answer).toBeInstanceOf(Failure)
    expect(answer).toMatchObject({ message: expect.stringMatching(complaint) })
  })

  test('every row is allowed only when the policies say so', async () => {
    expect(await filterFor('policies', PEOPLE.admin)).toMatchObject({ filter: { kind: 'all' } })
    expect(await filterFor('policies', PEOPLE.guest)).toMatchObject({ filter: { kind: 'where' } })
    expect(await filterFor(await policiesWith('allow if input.user.role == "nobody"'))).toMatchObject({
      filter: { kind: 'none' },
    })
  })
})

test('masks of the policies go with the filter, unless their condition does not hold', async () => {
  const dir = await policiesWith(
    'allow if input.user.id != ""\n\nmasks.data.replace.value := "***" if input.user.role != "admin"',
  )
  expect(await filterFor(dir)).toMatchObject({ masks: { data: '***' } })
  expect(await filterFor(dir, PEOPLE.admin)).toMatchObject({ filter: { kind: 'all' }, masks: {} })
})

test('`npm run policies` names the file and line of a rule that no filter can express', async () => {
  const dir = await policiesWith('allow if lower(input.resource.owner) == input.user.id')
  const { status, stdout } = await runCli('scripts/policies.ts', [dir])
  expect(status).toBe(1)
  expect(stdout).toMatch(/filters express them[^\n]*: NO\n.*data_filter\.rego:7: invalid builtin `lower`/)
})

test('a worker refuses to start on such policies, and says which rule it is', async () => {
  const dir = await policiesWith('allow if lower(input.resource.owner) == input.user.id')
  await mkdir(join(dir, 'jobs'))
  for (const file of ['jobs', 'samples'])
    await copyFile(`policies/jobs/${file}.rego`, join(dir, 'jobs', `${file}.rego`))
  const stack = await startStack({ policies: dir })
  try {
    const start = startAuthorizer({ config: stack.config(), log: createLogger('test', 'silent') })
    await expect(start).rejects.toThrow(/JW_FILTER_UNSUPPORTED:[^]*data_filter\.rego:7: invalid builtin `lower`/)
  } finally {
    await stack.close()
  }
})
