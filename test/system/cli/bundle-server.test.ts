import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Workspace, openWorkspace } from '../../../devkit/workspace.ts'
import { type BundleBench, openBundleBench } from '../../support/bundle-bench.ts'
import { startBundledOpa } from '../../support/bundled-opa.ts'
import { createAuthority } from '../../support/certificates.ts'
import { runCli } from '../../support/run-cli.ts'

let workspace: Workspace
let bench: BundleBench
let folder: string

beforeAll(async () => {
  workspace = await openWorkspace()
  bench = await openBundleBench(workspace)
  folder = await workspace.folder('cli')
})
afterAll(() => workspace.close())

const at = (name: string) => join(folder, name)
const start = (env: Record<string, string>) => runCli('workers/bundles.ts', [], { env: { ...bench.env, ...env } })

test.each([
  ['no folder', { JOBWARDEN_BUNDLES_DIR: '' }, /JOBWARDEN_BUNDLES_DIR: name the folder for bundles/],
  ['half of TLS', { JOBWARDEN_BUNDLES_TLS_CERT_FILE: 'c.pem' }, /TLS needs both/],
  ['keys that are not there', { JOBWARDEN_BUNDLES_KEYS_FILE: '/missing' }, /KEYS_FILE \/missing: it cannot be read/],
])('a bundle server does not start with %s', async (_what, env, complaint) => {
  const { status, stdout, stderr } = await start(env)
  expect(status).toBe(1)
  expect(stdout + stderr).toMatch(complaint)
})

test('a bundle server names what is wrong in its files, and none of their content', async () => {
  await cp(bench.keyFile('production'), at('private.pem'))
  const key = { keyid: 'k', algorithm: 'ES256', publicKeyFile: 'private.pem' }
  await writeFile(at('keys.json'), JSON.stringify({ production: { keys: [key] } }))
  const keys = await start({ JOBWARDEN_BUNDLES_KEYS_FILE: at('keys.json') })
  expect(keys.stdout).toMatch(/production, key k: \S+private\.pem holds a private key; only its public part/)
  const token = { name: 'x', sha256: 'f'.repeat(64), rights: { elsewhere: ['push'] } }
  await writeFile(at('tokens.json'), JSON.stringify({ tokens: [token] }))
  const tokens = await start({ JOBWARDEN_BUNDLES_TOKENS_FILE: at('tokens.json') })
  expect(tokens.stdout).toMatch(/x: the keys file has no environment/)
  await writeFile(
    at('tokens.json'),
    JSON.stringify({ tokens: [{ ...token, sha256: 'hunter2', rights: { staging: ['fly'] } }] }),
  )
  const { stdout } = await start({ JOBWARDEN_BUNDLES_TOKENS_FILE: at('tokens.json') })
  expect(stdout).toMatch(/tokens\.0\.sha256: must be the SHA-256[^]*tokens\.0\.rights\.staging\.0/)
  expect(stdout).not.toContain('hunter2')
})

test('a bundle server speaks TLS with a certificate, to sidecars and to the console alike', async () => {
  const authority = await createAuthority(workspace)
  const { certFile, keyFile } = await authority.issue('IP:127.0.0.1')
  const url = bench.url.replace('http:', 'https:')
  const server = await bench.start(undefined, {
    JOBWARDEN_BUNDLES_TLS_CERT_FILE: certFile,
    JOBWARDEN_BUNDLES_TLS_KEY_FILE: keyFile,
  })
  const bundle = await bench.make({ revision: 'r1' })
  const push = (env: Record<string, string>) =>
    runCli('cli/jobwarden.ts', ['policies', 'push', bundle], {
      env: { JOBWARDEN_BUNDLES_URL: url, JOBWARDEN_BUNDLES_TOKEN_FILE: bench.tokenFile('pipeline'), ...env },
    })
  expect((await push({})).stderr).toMatch(/JW_BUNDLES_UNAVAILABLE: https:.* certificate/)
  expect((await push({ NODE_EXTRA_CA_CERTS: authority.caFile })).status).toBe(0)
  const opa = await startBundledOpa(bench, { instance: 'by-tls', url, caFile: authority.caFile })
  await opa.server.stop()
  await server.close()
})
