import { execFile } from 'node:child_process'
import { copyFile, cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { obtainOpa } from '../../../devkit/obtain-opa.ts'
import { runOpa } from '../../../src/policy-tools/run-opa.ts'
import { testPolicies } from '../../../src/policy-tools/test-policies.ts'
import { validatePolicies } from '../../../src/policy-tools/validate-policies.ts'

const run = promisify(execFile)

const DROP_IN = 'test/servers/policies/dropin'

/** The article's data filter in small: Rego v0, as its imports of future keywords and its rule heads show. */
const REGO_V0 = `package data_filter

import future.keywords.if
import future.keywords.in

visible[row] {
	row := data.rows[_]
	row.owner == input.user.id
}
`

let opa: string
let dir: string

beforeAll(async () => {
  opa = (await obtainOpa()).path
})

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'policies-'))
})

afterEach(async () => {
  await rm(dir, { recursive: true })
})

async function write(name: string, source: string): Promise<string> {
  const file = join(dir, name)
  await writeFile(file, source)
  return file
}

/** Runs `npm run policies` on a folder. */
async function policies(folder: string): Promise<{ code: unknown; stdout: string }> {
  try {
    const { stdout } = await run(process.execPath, ['scripts/policies.ts', folder])
    return { code: 0, stdout }
  } catch (error) {
    if (error instanceof Error && 'code' in error && 'stdout' in error)
      return { code: error.code, stdout: String(error.stdout) }
    throw error
  }
}

describe('the shipped policies', () => {
  test('load without a problem', async () => {
    expect(await validatePolicies('policies', opa)).toEqual([])
  })

  test('pass their tests, which reach every line', async () => {
    expect(await testPolicies('policies', opa)).toEqual({ passed: true, uncovered: [] })
  })

  test('reach every line of each package with the tests of its own folder, so that others may be replaced', async () => {
    for (const name of ['authz', 'data_filter', 'jobs'])
      expect(await testPolicies(`policies/${name}`, opa)).toEqual({ passed: true, uncovered: [] })
  })

  test('are formatted and strict', async () => {
    expect(await runOpa(opa, ['fmt', '--fail', '--list', 'policies', DROP_IN])).toMatchObject({ ok: true, stdout: '' })
    expect(await runOpa(opa, ['check', '--strict', 'policies'])).toMatchObject({ ok: true })
  })

  test('make npm run policies succeed', async () => {
    expect(await policies('policies')).toMatchObject({ code: 0 })
  })
})

describe('policies and tests written as in the article', () => {
  const combinations: readonly (readonly [string, readonly string[]])[] = [
    ['both dropped in', ['policies/jobs', DROP_IN]],
    ['authz dropped in', ['policies/jobs', 'policies/data_filter', `${DROP_IN}/authz`]],
    ['data_filter dropped in', ['policies/jobs', 'policies/authz', `${DROP_IN}/data_filter`]],
  ]

  test.each(combinations)('run unchanged beside policies/jobs: %s', async (_what, folders) => {
    const { ok, stdout } = await runOpa(opa, ['test', ...folders])
    expect(stdout).toMatch(/^PASS: (\d+)\/\1$/m)
    expect(ok).toBe(true)
    expect(await runOpa(opa, ['check', '--strict', ...folders])).toMatchObject({ ok: true })
  })

  test('replace the shipped ones in a folder that npm run policies takes', async () => {
    await cp('policies', dir, { recursive: true })
    await rm(join(dir, 'authz'), { recursive: true })
    await cp(`${DROP_IN}/authz`, join(dir, 'authz'), { recursive: true })
    expect(await policies(dir)).toMatchObject({ code: 0 })
  })
})

describe('a policy in Rego v0', () => {
  test('is a problem that names the file, the line and the command that converts it', async () => {
    const file = await write('data_filter.rego', REGO_V0)
    await copyFile('policies/authz/authz.rego', join(dir, 'authz.rego'))
    expect(await validatePolicies(dir, opa)).toEqual([
      {
        file,
        line: 6,
        message: expect.stringContaining('this is Rego v0'),
        remedy: `${opa} fmt --write --v0-v1 ${file}`,
      },
    ])
  })

  test('is Rego v1 after that command', async () => {
    const file = await write('a policy.rego', REGO_V0.replace('data_filter', 'elsewhere'))
    const [problem] = await validatePolicies(dir, opa)
    expect(problem?.remedy).toContain(`'${file}'`)
    await run('sh', ['-c', problem?.remedy ?? 'false'])
    expect(await validatePolicies(dir, opa)).toEqual([])
  })

  test('makes npm run policies fail before anything else is looked at', async () => {
    const file = await write('data_filter.rego', REGO_V0)
    const { code, stdout } = await policies(dir)
    expect(code).toBe(1)
    expect(stdout).toContain(`${file}:6: this is Rego v0`)
    expect(stdout).toContain(`fmt --write --v0-v1 ${file}`)
    expect(stdout).not.toContain('opa test')
  })
})

describe('other problems', () => {
  test('are told with file and line when the syntax is wrong in both versions', async () => {
    const file = await write('broken.rego', 'package broken\n\nallow if {\n')
    const [problem] = await validatePolicies(dir, opa)
    expect(problem).toMatchObject({ file, remedy: expect.stringContaining('correct the syntax') })
    expect(problem?.message).not.toContain('v0')
  })

  test('are told with file and line when a rule does not compile', async () => {
    const file = await write('unsafe.rego', 'package unsafe\n\nallow if unknown_function(1)\n')
    expect(await validatePolicies(dir, opa)).toMatchObject([{ file, line: 3 }])
  })

  test('include a policy without a default, because workers would wait for it', async () => {
    const file = await write('authz.rego', 'package authz\n\nallow if input.user.role == "admin"\n')
    expect(await validatePolicies(dir, opa)).toMatchObject([
      { file, remedy: expect.stringContaining('default allow := false') },
    ])
  })

  test('include a package that is missing beside policies/jobs', async () => {
    await cp('policies/jobs', join(dir, 'jobs'), { recursive: true })
    await cp('policies/authz', join(dir, 'authz'), { recursive: true })
    expect(await validatePolicies(dir, opa)).toMatchObject([
      { file: dir, message: expect.stringContaining('package data_filter') },
    ])
  })

  test('include a folder that is empty or missing', async () => {
    expect(await validatePolicies(dir, opa)).toMatchObject([{ file: dir, message: 'there is no policy here' }])
    expect(await validatePolicies(join(dir, 'nowhere'), opa)).toMatchObject([
      { message: expect.stringContaining('no such file') },
    ])
  })

  test('end in a failure when there is no opa', async () => {
    await expect(validatePolicies('policies', '/nowhere/opa')).rejects.toMatchObject({ code: 'JW_CONFIG_INVALID' })
  })

  test('make npm run policies name the file and the lines that no test reaches', async () => {
    const file = await write('half.rego', 'package half\n\none if input.x == 1\n\ntwo if input.x == 2\n')
    await write('half_test.rego', 'package half_test\n\ntest_one if data.half.one with input.x as 1\n')
    const { code, stdout } = await policies(dir)
    expect(code).toBe(1)
    expect(stdout).toContain(`${file}: no test reaches line 5`)
  })

  test('make npm run policies fail when a test fails or there is none', async () => {
    await write('sum.rego', 'package sum\n\none := 1\n')
    expect(await policies(dir)).toMatchObject({ code: 1, stdout: expect.stringContaining('no tests were run') })
    await write('sum_test.rego', 'package sum_test\n\ntest_one if data.sum.one == 2\n')
    expect(await policies(dir)).toMatchObject({ code: 1, stdout: expect.stringContaining('test_one: FAIL') })
  })

  test('make npm run policies name a file that is not formatted', async () => {
    const file = await write('loose.rego', 'package loose\none   := 1\n')
    expect(await policies(dir)).toMatchObject({ code: 1, stdout: expect.stringContaining(`fmt --write ${file}`) })
  })
})
