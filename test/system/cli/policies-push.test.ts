import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Workspace, openWorkspace } from '../../../devkit/workspace.ts'
import type { Running } from '../../../src/process/run-process.ts'
import { makeBrokenBundle } from '../../support/broken-bundle.ts'
import { type BundleBench, openBundleBench, sidecarOnce } from '../../support/bundle-bench.ts'
import { startBundledOpa } from '../../support/bundled-opa.ts'
import { type PolicyRepository, commitPolicies } from '../../support/policy-repository.ts'
import { runCli } from '../../support/run-cli.ts'

let workspace: Workspace
let bench: BundleBench
let server: Running
let repository: PolicyRepository

beforeAll(async () => {
  workspace = await openWorkspace()
  bench = await openBundleBench(workspace)
  server = await bench.start()
  repository = await commitPolicies(workspace)
})
afterAll(async () => {
  await workspace.close()
  await server.close()
})

const run = (args: readonly string[], env: Record<string, string> = {}) =>
  runCli('cli/jobwarden.ts', ['policies', ...args], { env })
const at = (name: string) => join(repository.folder, name)
const settings = () => ({
  JOBWARDEN_BUNDLES_URL: bench.url,
  JOBWARDEN_BUNDLES_TOKEN_FILE: bench.tokenFile('pipeline'),
})
const build = (out: string) => run(['build', repository.policies, '--environment', 'production', '--out', out])

const sign = (file: string) => run(['sign', file, '--key', bench.keyFile('production'), '--keyid', 'ops-production'])

test('the whole round: built, signed, pushed, active, and pushed back', async () => {
  await build(at('first.tar.gz'))
  await sign(at('first.tar.gz'))
  const first = await run(['push', at('first.tar.gz')], settings())
  expect(first).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(
      /^production serves revision \w{12}, signed by ops-production \(sha256:\w{64}\)\nbefore, it served nothing\n$/,
    ),
  })
  await startBundledOpa(bench, { instance: 'worker-1' })
  await sidecarOnce(bench, ({ state }) => state === 'current')
  const revision = (await repository.git('rev-parse', 'HEAD')).slice(0, 12)
  const status = await run(['status'], settings())
  expect(status.status).toBe(0)
  expect(status.stdout).toMatch(
    new RegExp(
      `^production: revision ${revision}, of commit ${revision}\\w+ by Ann Author <ann@example.org>\n` +
        '  signed by ops-production, pushed [-\\d]+ [:\\d]+ by pipeline, sha256:\\w{64}\n' +
        '  sidecar +state +revision +signed by +activated +last report +error\n' +
        `  worker-1 +current +${revision} +ops-production +[-\\d]+ [:\\d]+ +[-\\d]+ [:\\d]+ +-\n\n` +
        'staging: no bundle was pushed yet\n  no sidecar has reported\n$',
    ),
  )

  await bench.push(await bench.make({ revision: 'r2' }))
  await sidecarOnce(bench, ({ state, revision: running }) => state === 'current' && running === 'r2')
  const back = await run(['push', at('first.tar.gz')], settings())
  expect(back.stdout).toMatch(new RegExp(`revision ${revision}, [^]*before, it served revision r2\n$`))
  expect((await run(['push', at('first.tar.gz')], settings())).stdout).toMatch(/^production already serves /)
  await sidecarOnce(bench, ({ state, revision: running }) => state === 'current' && running === revision)
  const json = await run(['status', 'production', '--json'], settings())
  expect(JSON.parse(json.stdout)).toMatchObject({
    bundle: 'production',
    sidecars: [{ sidecar: 'worker-1', state: 'current' }],
  })
}, 120_000)

test('a sidecar that is behind shows in the exit status', async () => {
  await bench
    .client('pipeline')
    .push('staging', await readFile(await bench.make({ revision: 's1', environment: 'staging', signer: 'staging' })))
  const report = {
    labels: { id: 'lagging' },
    bundles: { staging: { active_revision: 's0', last_successful_activation: '2026-01-01T00:00:00Z' } },
  }
  const headers = { authorization: `Bearer ${bench.token('staging-sidecar')}` }
  await fetch(`${bench.url}/status`, { method: 'POST', headers, body: JSON.stringify(report) })
  const { status, stdout } = await run(['status', 'staging'], settings())
  expect(stdout).toMatch(/lagging +behind +s0 +- /)
  expect(status).toBe(1)
})

test('what the server refuses is told in its words, with status 3', async () => {
  const unsigned = await bench.make({ revision: 'r9', signer: false })
  const { status, stderr } = await run(['push', unsigned], settings())
  expect(status).toBe(3)
  expect(stderr).toMatch(/JW_BUNDLES_REFUSED: http\S+ \(422\): it is not signed/)
  const forbidden = await run(['push', unsigned], {
    ...settings(),
    JOBWARDEN_BUNDLES_TOKEN_FILE: bench.tokenFile('auditor'),
  })
  expect(forbidden.stderr).toMatch(/JW_BUNDLES_REFUSED: .*\(403\): the token "auditor" may not push "production"/)
})

test('a bundle that OPA cannot read is not even sent', async () => {
  const { status, stderr } = await run(['push', await makeBrokenBundle(bench, 'r9')], settings())
  expect(status).toBe(2)
  expect(stderr).toMatch(/authz\.rego:\d+: rego_parse_error/)
})

test('a bundle server that is not there is status 3', async () => {
  const { status, stderr } = await run(['status'], { ...settings(), JOBWARDEN_BUNDLES_URL: 'http://127.0.0.1:1' })
  expect(status).toBe(3)
  expect(stderr).toMatch(/JW_BUNDLES_UNAVAILABLE: http:\/\/127\.0\.0\.1:1: /)
})
