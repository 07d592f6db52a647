import { expect, test } from 'vitest'
import { obtainOpa } from '../../../devkit/obtain-opa.ts'
import { runOpa } from '../../../src/policy-tools/run-opa.ts'
import { testPolicies } from '../../../src/policy-tools/test-policies.ts'

const SIDECAR = 'sidecar/system'

test('the policies that guard OPA pass their tests, which reach every line', async () => {
  const { path } = await obtainOpa()
  expect(await testPolicies(SIDECAR, path)).toEqual({ passed: true, uncovered: [] })
})

test('the policies that guard OPA are formatted and strict', async () => {
  const { path } = await obtainOpa()
  expect(await runOpa(path, ['fmt', '--fail', '--list', SIDECAR])).toMatchObject({ ok: true, stdout: '' })
  expect(await runOpa(path, ['check', '--strict', SIDECAR])).toMatchObject({ ok: true })
})
