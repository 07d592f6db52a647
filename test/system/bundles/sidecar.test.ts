import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { BundleVerifier } from '../../../src/bundles/server/bundle-verifier.ts'
import { runningServers } from '../../../devkit/server-process.ts'
import { type Workspace, openWorkspace } from '../../../devkit/workspace.ts'
import type { Running } from '../../../src/process/run-process.ts'
import { inspectBundle } from '../../../src/policy-tools/inspect-bundle.ts'
import { makeBrokenBundle } from '../../support/broken-bundle.ts'
import { type BundleBench, openBundleBench, sidecarOnce } from '../../support/bundle-bench.ts'
import { startBundledOpa, whatDecides } from '../../support/bundled-opa.ts'
import { eventually } from '../../support/ledger.ts'

let workspace: Workspace
let bench: BundleBench
let server: Running

beforeEach(async () => {
  workspace = await openWorkspace()
  bench = await openBundleBench(workspace)
  server = await bench.start()
})
afterEach(async () => {
  await workspace.close()
  await server.close()
  expect(runningServers()).toEqual([])
})

test('a sidecar waits for the first bundle, activates it, and takes the next one without a restart', async () => {
  const opa = await startBundledOpa(bench, { instance: 'one', activated: false })
  await bench.push(await bench.make({ revision: 'r1' }))
  await sidecarOnce(bench, ({ state, revision }) => state === 'current' && revision === 'r1')
  expect(await whatDecides(opa)).toEqual({ says: 'says r1', revision: 'r1' })
  const pid = opa.server.pid
  const pushedAt = Date.now()
  await bench.push(await bench.make({ revision: 'r2' }))
  await eventually(async () => ((await whatDecides(opa)).revision === 'r2' ? true : undefined))
  expect(Date.now() - pushedAt).toBeLessThan(5_000) // Polls that do not wait come 30 s apart.
  expect(await whatDecides(opa)).toEqual({ says: 'says r2', revision: 'r2' })
  expect(opa.server.pid).toBe(pid)
})

describe('a sidecar keeps what it has, says so, and recovers, when it is served a bundle that', () => {
  /** A server that has lost its judgement, or was broken into. */
  const trusting: BundleVerifier = async (file) => {
    const content = await inspectBundle(bench.opa, file)
    const revision = 'problem' in content ? 'broken' : content.manifest.revision
    return { revision, contentDigest: `sha256:${'0'.repeat(64)}`, signedBy: 'nobody' }
  }
  test.each([
    ['is not signed', () => bench.make({ revision: 'bad', signer: false }), /missing \.signatures\.json/],
    ['is signed by a stranger', () => bench.make({ revision: 'bad', signer: 'stranger' }), /verify JWT signature/],
    ['is signed for staging', () => bench.make({ revision: 'bad', scope: 'staging' }), /scope mismatch/],
    ['is no Rego, with a good signature', () => makeBrokenBundle(bench, 'bad'), /authz\.rego:\d+/],
  ])('%s', async (_what, makeBad, complaint) => {
    await server.close()
    server = await bench.start(trusting)
    await bench.push(await bench.make({ revision: 'r1' }))
    const opa = await startBundledOpa(bench, { instance: 'one' })
    await bench.push(await makeBad())
    const { error, revision } = await sidecarOnce(bench, ({ state }) => state === 'failing')
    expect(error).toEqual({ code: 'bundle_error', message: expect.stringMatching(complaint) })
    expect(revision).toBe('r1')
    expect(await whatDecides(opa)).toEqual({ says: 'says r1', revision: 'r1' })
    await bench.push(await bench.make({ revision: 'r3' }))
    await sidecarOnce(bench, ({ state }) => state === 'current')
    expect(await whatDecides(opa)).toEqual({ says: 'says r3', revision: 'r3' })
  })
})

test('environments have bundles of their own, and a token of one gets nothing of the other', async () => {
  await bench.push(await bench.make({ revision: 'p1' }))
  await bench.push(await bench.make({ revision: 's1', environment: 'staging', signer: 'staging' }), 'staging')
  const production = await startBundledOpa(bench, { instance: 'p' })
  const staging = await startBundledOpa(bench, { instance: 's', environment: 'staging', token: 'staging-sidecar' })
  await startBundledOpa(bench, { instance: 'x', environment: 'staging', activated: false })
  expect([await whatDecides(production), await whatDecides(staging)]).toMatchObject([
    { revision: 'p1' },
    { revision: 's1' },
  ])
  await sidecarOnce(bench, ({ sidecar }) => sidecar === 'p')
  const { sidecars } = await bench.status('staging')
  expect(sidecars).toMatchObject([{ sidecar: 's', state: 'current' }])
})
