import { cp, mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { buildBundle } from '../../../src/policy-tools/write-bundle.ts'
import { obtainOpa } from '../../../devkit/obtain-opa.ts'
import { runProgram } from '../../../src/process/run-program.ts'
import { startOpa } from '../../../devkit/start-opa.ts'
import { type Workspace, openWorkspace } from '../../../devkit/workspace.ts'
import { validatePolicies } from '../../../src/policy-tools/validate-policies.ts'
import { runCli } from '../../support/run-cli.ts'

let workspace: Workspace
let opa: string
let dir: string

beforeAll(async () => {
  workspace = await openWorkspace()
  opa = (await obtainOpa()).path
})
afterAll(() => workspace.close())
beforeEach(async () => {
  dir = await workspace.folder('policies')
  await cp('policies', dir, { recursive: true })
})

async function write(name: string, content: string | Buffer): Promise<void> {
  await mkdir(dirname(join(dir, name)), { recursive: true })
  await writeFile(join(dir, name), content)
}

/** What a query of a document of `data` gives, when OPA has a bundle or a folder. */
async function valueOf(path: string, ...source: readonly string[]): Promise<unknown> {
  const json: unknown = JSON.parse(await runProgram(opa, ['eval', '--format', 'json', ...source, path]))
  return json
}

describe('a data file that a bundle does not hold', () => {
  beforeEach(async () => {
    await rm(join(dir, 'authz'), { recursive: true })
    await rm(join(dir, 'data_filter'), { recursive: true })
    await cp('test/system/cases/29-data-file-name', dir, { recursive: true })
  })

  const COMPLAINT =
    /authz\/blocked\.json:1: a bundle holds data only in files named data\.json, .*\n +remedy: put its content into .*\/authz\/data\.json,/

  test('is an error with a remedy for whoever tests, builds, or asks a candidate', async () => {
    const tested = await runCli('scripts/policies.ts', [dir])
    expect(tested.status).toBe(1)
    expect(tested.stdout).toMatch(COMPLAINT)
    const out = join(dir, '../out.tar.gz')
    const built = await runCli('cli/jobwarden.ts', ['policies', 'build', dir, '--environment', 'x', '--out', out])
    expect(built.status).toBe(1)
    expect(built.stderr).toMatch(COMPLAINT)
    await expect(readFile(out)).rejects.toThrow(/ENOENT/)
    await expect(startOpa({ workspace, opa, policies: dir })).rejects.toThrow(COMPLAINT)
    await expect(buildBundle({ opa, policies: dir, out })).rejects.toThrow(COMPLAINT)
  })

  test('blocks whom it names, in the tests and in the bundle, once the remedy is followed', async () => {
    await rename(join(dir, 'authz/blocked.json'), join(dir, 'authz/data.json'))
    expect(await validatePolicies(dir, opa)).toEqual([])
    const { file } = await buildBundle({ opa, policies: dir, out: join(workspace.path, 'blocked.tar.gz') })
    const { url } = await startOpa({ workspace, opa, bundle: file })
    const ask = async (id: string) => {
      const body = JSON.stringify({ input: { user: { id }, action: 'read' } })
      return (await fetch(`${url}/v1/data/authz/allow`, { method: 'POST', body })).json()
    }
    expect([await ask('ann'), await ask('eve')]).toEqual([{ result: true }, { result: false }])
  })
})

describe('is no part of a bundle, and an error with file and remedy:', () => {
  const strays: readonly (readonly [file: string, content: string, message: RegExp])[] = [
    ['limits/limits.yaml', 'a: 1', /only in files named data\.json.*put its content into .*limits\/data\.json/],
    ['limits/Data.json', '{}', /only in files named data\.json/],
    ['limits/DATA.YML', 'a: 1', /only in files named data\.json/],
    ['limits/limits_test.json', '{"a": 1}', /tests would see this data.*_test\.rego/],
    ['lib/LIB.REGO', 'package lib\n', /ends in capitals.*name it LIB\.rego/],
    ['.hidden/data.json', '{"a": 1}', /is hidden, and OPA removes the dot/],
    ['.hidden/a.rego', 'package hidden\n', /is hidden/],
    ['lib/.a.rego', 'package hidden\n', /is hidden/],
    ['.regal/config.yaml', 'rules: {}', /is hidden.*keep it out of the folder/],
    ['.manifest', '{"roots": ["authz"]}', /gets its own manifest.*remove/],
    ['authz/.manifest', '{}', /gets its own manifest/],
    ['.signatures.json', '{"signatures": []}', /is signed after it is built/],
    ['policy.wasm', '\0asm', /is compiled or packed/],
    ['plan.json', '{}', /only in files named data\.json/],
    ['old.tar.gz', 'x', /is compiled or packed/],
  ]
  test.each(strays)('%s', async (file, content, message) => {
    await write(file, content)
    const problems = await validatePolicies(dir, opa)
    const all = problems.map((each) => `${each.message} ${each.remedy}`).join('\n')
    expect(all).toMatch(message)
    expect(problems.map((each) => each.file)).toEqual([join(dir, file)])
    await expect(buildBundle({ opa, policies: dir, out: join(workspace.path, 'x.tar.gz') })).rejects.toThrow(file)
  })

  test('a symbolic link, to a file or to a folder', async () => {
    await symlink('../authz/authz.rego', join(dir, 'jobs/link.rego'))
    await symlink('authz', join(dir, 'more'))
    const problems = await validatePolicies(dir, opa)
    expect(problems.map(({ file }) => file)).toEqual([join(dir, 'jobs/link.rego'), join(dir, 'more')])
    expect(problems[0]?.message).toBe('is a symbolic link, and bundles hold none')
  })

  test('a file that is not UTF-8', async () => {
    await write('limits/data.json', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))
    expect(await validatePolicies(dir, opa)).toMatchObject([
      { file: join(dir, 'limits/data.json'), message: /is not UTF-8/ },
    ])
  })
})

describe('what only tests define is an error:', () => {
  test('a function', async () => {
    await write('authz/more.rego', 'package authz\n\nallow if trusted(input.user)\n')
    await write('authz/more_test.rego', 'package authz\n\ntrusted(user) if user.id == "root"\n')
    expect(await validatePolicies(dir, opa)).toMatchObject([
      {
        file: join(dir, 'authz/more.rego'),
        line: 3,
        message: 'undefined function trusted, unless the tests are there, and bundles have no tests',
        remedy: 'define what it needs in a file that does not end in _test.rego',
      },
    ])
  })

  test('a rule of another package, which a bundle would take for undefined without a word', async () => {
    await write('authz/more.rego', 'package authz\n\nimport data.fixtures\n\nallow if fixtures.admins[input.user.id]\n')
    await write('lib/fixtures_test.rego', 'package fixtures\n\nadmins := {"root"}\n')
    expect(await validatePolicies(dir, opa)).toMatchObject([
      { file: join(dir, 'authz/more.rego'), line: 3, message: expect.stringContaining('uses data.fixtures.admins,') },
    ])
  })

  test('the default of `allow`', async () => {
    await write('authz/authz.rego', 'package authz\n\nallow if input.user.role == "admin"\n')
    await write('authz/authz_test.rego', 'package authz\n\ndefault allow := false\n')
    expect(await validatePolicies(dir, opa)).toMatchObject([
      { file: join(dir, 'authz/authz.rego'), line: 3, remedy: 'add to package authz: default allow := false' },
    ])
  })
})

describe('data files that do not fit together are an error, which OPA itself does not find in a folder:', () => {
  test.each([
    ['two values at one place', 'limits/data.yaml', 'rows: 2', /limits\/data\.yaml: .*keep it in one of them/],
    ['a rule and a value at one place', 'authz/data.json', '{"allow": true}', /authz\.rego: .*rename the rule, or/],
    ['a file that is cut off', 'lib/data.json', '{"a":', /lib\/data\.json: .*correct the syntax of the data file/],
    ['a file that is no YAML', 'lib/data.yml', 'a: [', /lib\/data\.yml: .*correct the syntax of the data file/],
  ])('%s', async (_what, file, content, complaint) => {
    await write('limits/data.json', '{"rows": 1}')
    await write(file, content)
    const [problem, ...others] = await validatePolicies(dir, opa)
    expect(`${problem?.file}: ${problem?.message} ${problem?.remedy}`).toMatch(complaint)
    expect(others).toEqual([])
  })
})

test('a folder that is taken gives one data, as a folder and as a bundle, and what OPA never reads may lie in it', async () => {
  await write('limits/data.json', '{"rows": 1}')
  await write('limits/data.yaml', 'columns: 2')
  await write('limits/a.b/data.yml', '{c: [1, "ü"]}')
  for (const file of ['README.md', 'authz/NOTES.txt', '.gitignore', 'LICENSE', '.git/hooks/data.json'])
    await write(file, '# not for OPA')
  expect(await validatePolicies(dir, opa)).toEqual([])
  const { file } = await buildBundle({ opa, policies: dir, out: join(workspace.path, 'whole.tar.gz') })
  const query = '[data.limits, data.authz]'
  const [folder, bundle] = [
    await valueOf(query, '--ignore', '*_test.rego', '--ignore', '.git', '--data', dir),
    await valueOf(query, '--bundle', file),
  ]
  expect(bundle).toEqual(folder)
  expect(JSON.stringify(bundle)).toContain('{"a.b":{"c":[1,"ü"]},"columns":2,"rows":1}')
  const names = (await runProgram('tar', ['-tzf', file])).trim().split('\n').toSorted()
  const policies = ['authz/authz', 'data_filter/data_filter', 'jobs/jobs', 'jobs/samples'].map(
    (name) => `/${name}.rego`,
  )
  expect(names).toEqual(['/.manifest', ...policies.slice(0, 1), '/data.json', ...policies.slice(1)])
})
