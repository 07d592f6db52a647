import { expect, test } from 'vitest'
import { obtainOpa } from '../../src/local/obtain-opa.ts'
import { runOpa } from '../../src/policies/run-opa.ts'
import { testPolicies } from '../../src/policies/test-policies.ts'

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
