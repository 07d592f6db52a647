import { cp, mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { obtainOpa } from '../../../devkit/obtain-opa.ts'
import { type Workspace, openWorkspace } from '../../../devkit/workspace.ts'
import { askOpa } from '../../../src/policy-tools/ask-opa.ts'
import { parseOpaErrors } from '../../../src/policy-tools/opa-errors.ts'
import { PoliciesRefused } from '../../../src/policy-tools/policy-problem.ts'
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
})

async function write(name: string, content: string): Promise<void> {
  await mkdir(dirname(join(dir, name)), { recursive: true })
  await writeFile(join(dir, name), content)
}

/** Complaints as people see them: `file:line: what` and the remedy, never JSON and never a matter of settings. */
function expectReadable(text: string): void {
  expect(text).not.toMatch(/"(message|code|location|errors)":|JW_CONFIG_INVALID|JW_UNEXPECTED|\n {2,}at /)
}

describe('a fallback without `default`', () => {
  test.each([
    ['a-fn-catchall-true', 'authz/p.rego:8: this function gives two values for one argument: always true', 'true'],
    ['b-fn-catchall-false', 'authz/p.rego:7: this function gives two values for one argument: always false', 'false'],
  ])('%s is told with file, line and what to write', async (name, complaint, value) => {
    await cp('policies/jobs', join(dir, 'jobs'), { recursive: true })
    await cp(`test/system/cases/15-fallback-without-default/${name}`, dir, { recursive: true })
    const out = join(workspace.path, 'out.tar.gz')
    const [tested, built] = [
      await runCli('scripts/policies.ts', [dir]),
      await runCli('cli/jobwarden.ts', ['policies', 'build', dir, '--environment', 'x', '--out', out]),
    ]
    for (const said of [tested.stdout, built.stderr]) {
      expect(said).toContain(complaint)
      expect(said).toMatch(new RegExp(`remedy: make it the fallback: default \\w+\\(_\\) := ${value}\n`))
      expectReadable(said)
    }
    expect([tested.status, built.status]).toEqual([1, 1])
  })

  const fallbacks: readonly (readonly [what: string, rules: string, line: number | undefined])[] = [
    ['a rule', 'size := 1 if input.x\n\nsize := 2\n', 7],
    ['a rule that another body gives a computed value', 'size := count(input.x)\n\nsize := 2\n', 7],
    ['a function of two arguments', 'f(a, b) := 1 if a > b\n\nf(_, _) := 0\n', 7],
    ['no fallback: a real default', 'default size := 2\n\nsize := 1 if input.x\n', undefined],
    ['no fallback: equal values', 'f(x) if x > 1\n\nf(_)\n', undefined],
    ['no fallback: arguments that differ', 'f(1) := 1\n\nf(2) := 2\n', undefined],
    ['no fallback: one argument twice', 'f(a, a) := 1\n\nf(a, b) := 2 if a != b\n', undefined],
    ['no fallback: `else`', 'size := 1 if {\n\tinput.x\n} else := 2\n', undefined],
    ['no fallback: a set', 'names contains "a"\n\nnames contains "b" if input.x\n', undefined],
  ]
  test.each(fallbacks)('is found, or not where there is none: %s', async (_what, rules, line) => {
    await write('lib/lib.rego', `package lib\n\nother := 1\n\n${rules}`)
    const problems = await validatePolicies(dir, opa)
    expect(problems.map((problem) => problem.line)).toEqual(line === undefined ? [] : [line])
  })
})

describe('what OPA complains about comes with file, line and a remedy of its own:', () => {
  const wrong: readonly (readonly [what: string, rules: string, line: number, message: RegExp, remedy: RegExp])[] = [
    ['a variable without a value', 'allow if x == input.y', 3, /var x is unsafe/, /import it, or bind it/],
    ['a function that is not there', 'allow if known(1)', 3, /undefined function known/, /define or import/],
    ['a rule that depends on itself', 'a if b\n\nb if a', 3, /recursive/, /must not depend on itself/],
    ['two defaults', 'default a := 1\n\ndefault a := 2', 3, /multiple default rules/, /keep one default/],
    ['forms that do not mix', 'a contains 1\n\na := 2', 3, /conflicting rules/, /write all rules with one name alike/],
    ['values that never match', 'a if count("x") == "y"', 3, /match error/, /compare values of one type/],
    ['the wrong number of arguments', 'f(x) := x\n\na if f(1, 2, 3)', 5, /arity|too many/, /as many arguments/],
    ['a syntax error', 'allow if {', 3, /eof|unexpected/i, /correct the syntax/],
    ['a rule of Rego v0', 'allow { input.x }', 3, /this is Rego v0/, /fmt --write --v0-v1/],
  ]
  test.each(wrong)('%s', async (_what, rules, line, message, remedy) => {
    await write('lib/lib.rego', `package lib\n\n${rules}\n`)
    const [problem] = await validatePolicies(dir, opa)
    expect(problem).toMatchObject({ file: join(dir, 'lib/lib.rego'), message: expect.stringMatching(message) })
    expect(problem?.remedy).toMatch(remedy)
    expect(Math.abs((problem?.line ?? 0) - line)).toBeLessThanOrEqual(2)
  })

  test('what OPA says of everything else, with the command that tells more', async () => {
    await write('lib/lib.rego', 'package lib\n\na := {"x": 1, "x": 2}.x\n\nb := 1 / 0\n')
    const refusal = askOpa(
      opa,
      dir,
      ['eval', '--format', 'json', '--strict-builtin-errors', '--data', dir, 'data.lib.b'],
      z.unknown(),
    )
    await expect(refusal).rejects.toBeInstanceOf(PoliciesRefused)
    await expect(refusal).rejects.toThrow(/lib\.rego:5: .*divide by zero\n {4}remedy: test the type of a value/)
  })

  test('strictness, by `npm run policies`', async () => {
    await cp('policies/jobs', join(dir, 'jobs'), { recursive: true })
    await cp('policies/data_filter', join(dir, 'data_filter'), { recursive: true })
    await write(
      'authz/authz.rego',
      'package authz\n\nimport data.jobs\n\ndefault allow := false\n\nallow if {\n\tx := 1\n}\n',
    )
    const { stdout } = await runCli('scripts/policies.ts', [dir])
    expect(stdout).toMatch(/authz\.rego:3: import .*unused\n +remedy: remove what is not used/)
    expect(stdout).toMatch(/authz\.rego:8: assigned var x unused\n +remedy: remove what is not used/)
    expectReadable(stdout)
  })
})

test('two values that meet while OPA evaluates are told with file and line, for functions and rules', async () => {
  await write(
    'lib/lib.rego',
    'package lib\n\nf(x) := 1 if x > 1\n\nf(x) := 2 if x > 2\n\na := f(3)\n\nb := 1 if true == true\n\nb := 2 if 1 == 1\n',
  )
  const ask = (query: string) => askOpa(opa, dir, ['eval', '--format', 'json', '--data', dir, query], z.unknown())
  await expect(ask('data.lib.a')).rejects.toThrow(
    /lib\.rego:\d: function data.lib.f produced conflicting values.*\n.*`default name\(_\) := …`/,
  )
  await expect(ask('data.lib.b')).rejects.toThrow(
    /lib\.rego:\d+: rule data.lib.b produced conflicting values.*\n.*make all rules with one name give one value/,
  )
})

test.each([
  [
    '1 error occurred: a/b.rego:3: rego_type_error: undefined function x',
    { file: 'a/b.rego', line: 3, code: 'rego_type_error' },
  ],
  [
    '2 errors occurred:\na.rego:1: rego_parse_error: eof\n\tallow if {\n\t         ^\nb.rego:2: x',
    { file: 'a.rego', line: 1 },
  ],
  ['1 error occurred during loading: d/lim/data.json: unexpected EOF', { file: 'd/lim/data.json' }],
  ['error: load error: bundle d: bundle load failed on /lim/data.yaml: no', { file: 'd/lim/data.yaml', message: 'no' }],
  [
    'unable to load bundle d: bundle d: bundle load failed on d/data.json: EOF',
    { file: 'd/data.json', message: 'EOF' },
  ],
  [
    '{"errors":[{"message":"bundle d: bundle load failed on data.json: EOF"}]}',
    { file: 'd/data.json', message: 'EOF' },
  ],
  ['{"errors":[{"message":"m","code":"c_error","location":{"file":"f.rego","row":7}}]}', { file: 'f.rego', line: 7 }],
  ['fork failed', { message: 'fork failed' }],
  ['', { message: 'OPA failed without saying why' }],
])('%j is read', (output, error) => {
  expect(parseOpaErrors(output, 'd')[0]).toMatchObject(error)
})
