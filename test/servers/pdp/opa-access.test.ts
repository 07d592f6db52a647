import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../../../devkit/free-port.ts'
import { obtainOpa } from '../../../devkit/obtain-opa.ts'
import { startServer } from '../../../devkit/server-process.ts'
import { type Workspace, openWorkspace } from '../../../devkit/workspace.ts'
import { requireNoServers } from '../devkit/no-leaks.ts'
import { type Authority, type Certificate, createAuthority, readCertificate } from '../../support/certificates.ts'
import { LyingPdp, allowAll } from '../../support/lying-pdp.ts'
import { delayed, meetPdp } from '../../support/meet-pdp.ts'
import { aBatch, openClient } from '../../support/pdp-client.ts'
import { SHIPPED, startPolicies, writeModules } from '../../support/start-policies.ts'

let workspace: Workspace
let authority: Authority
let stranger: Authority
let localhost: Certificate

beforeAll(async () => {
  workspace = await openWorkspace()
  authority = await createAuthority(workspace)
  stranger = await createAuthority(workspace)
  localhost = await authority.issue('IP:127.0.0.1')
})
afterAll(async () => {
  await workspace.close()
  requireNoServers()
})

type Access = Omit<Parameters<typeof openClient>[0], 'url'>

async function decidedOf3(url: string, access: Access = {}): Promise<number> {
  await using client = await openClient({ url, ...access })
  return (await client.decide(aBatch(3))).size
}

/** A real OPA that speaks TLS, ready once the client that it is meant for can use it. */
async function startTls(access: Access, args: readonly string[] = []): Promise<string> {
  const { path: file } = await obtainOpa()
  const port = await freePort()
  const url = `https://127.0.0.1:${port}`
  const tls = ['--tls-cert-file', localhost.certFile, '--tls-private-key-file', localhost.keyFile, ...args]
  const server = await startServer({
    name: 'opa',
    file,
    args: ['run', '--server', '--addr', `127.0.0.1:${port}`, '--ignore', '*_test.rego', ...tls, SHIPPED],
    isReady: async () => {
      await using client = await openClient({ url, ...access })
      return (await client.health()).ready
    },
  })
  workspace.defer(() => server.stop())
  return url
}

test('a socket of the file system', async () => {
  const socket = join(await workspace.folder('socket'), 'opa.sock')
  await startPolicies(workspace, [SHIPPED], { extraArgs: ['--addr', `unix://${socket}`] })
  expect(await decidedOf3(`unix:${socket}`)).toBe(3)
})

describe('TLS', () => {
  test('with the authority that signed the certificate of OPA', async () => {
    const access = { caFile: authority.caFile }
    expect(await decidedOf3(await startTls(access), access)).toBe(3)
  })

  test('in both directions: OPA takes the client that its authority knows, and no other', async () => {
    const worker = await authority.issue('DNS:worker')
    const access = { caFile: authority.caFile, ...worker }
    const url = await startTls(access, ['--authentication', 'tls', '--tls-ca-cert-file', authority.caFile])
    expect(await decidedOf3(url, access)).toBe(3)

    const forged = await stranger.issue('DNS:worker')
    const code = 'JW_PDP_UNREACHABLE'
    expect(await meetPdp({ url, caFile: authority.caFile })).toEqual(delayed(code))
    expect(await meetPdp({ url, caFile: authority.caFile, ...forged })).toEqual(delayed(code))
  })

  /** Would allow everything, if only its certificate were believed. */
  async function impostor(certificate: Certificate): Promise<LyingPdp> {
    return LyingPdp.open(allowAll, await readCertificate(certificate))
  }

  test.each<[string, () => Promise<Certificate>, RegExp]>([
    ['a certificate for another name', () => authority.issue('DNS:opa.example'), /not in the cert's list/],
    ['a certificate that has expired', () => authority.issue('IP:127.0.0.1', -1), /expired/],
    ['a certificate of another authority', () => stranger.issue('IP:127.0.0.1'), /certificate/],
  ])('%s is refused: nothing is asked and the job is delayed', async (_what, issue, why) => {
    await using pdp = await impostor(await issue())
    const encounter = await meetPdp({ url: pdp.url, caFile: authority.caFile }, why)
    expect(encounter).toEqual(delayed('JW_PDP_UNREACHABLE'))
    expect(pdp.questions).toEqual([])
  })

  test('an authority is trusted only when it is named, and a file that names none is no reason to trust all', async () => {
    await using pdp = await impostor(localhost)
    expect(await decidedOf3(pdp.url, { caFile: authority.caFile })).toBe(3)
    const asked = pdp.questions.length
    const nothing = join(workspace.path, 'nothing.pem')
    await writeFile(nothing, 'nothing')
    for (const access of [{}, { caFile: stranger.caFile }, { caFile: nothing }])
      expect(await meetPdp({ url: pdp.url, ...access })).toEqual(delayed('JW_PDP_UNREACHABLE'))
    expect(pdp.questions).toHaveLength(asked)
  })

  test('a server without TLS where TLS is expected delays the job', async () => {
    await using pdp = await LyingPdp.open(allowAll)
    const url = pdp.url.replace('http:', 'https:')
    expect(await meetPdp({ url, caFile: authority.caFile })).toEqual(delayed('JW_PDP_UNREACHABLE'))
    expect(pdp.questions).toEqual([])
  })

  test('a server with TLS where none is expected delays the job', async () => {
    await using pdp = await impostor(localhost)
    const url = pdp.url.replace('https:', 'http:')
    expect(await meetPdp({ url })).toEqual(delayed('JW_PDP_UNREACHABLE'))
    expect(pdp.questions).toEqual([])
  })
})

describe('a bearer token', () => {
  const AUTHZ = `package system.authz
    import rego.v1
    default allow := false
    allow if input.path == ["health"]
    allow if input.identity == data.tokens.current`

  test('is read from its file for every call, so a token that rotates is used at once', async () => {
    const guard = await writeModules(workspace, AUTHZ, 'package tokens\n\ndefault current := "first"\n')
    const extraArgs = ['--authentication', 'token', '--authorization', 'basic']
    const { url } = await startPolicies(workspace, [SHIPPED, guard], { extraArgs })
    const tokenFile = join(workspace.path, 'token')
    await using client = await openClient({ url, tokenFile })
    const rotate = (from: string, to: string) =>
      fetch(`${url}/v1/policies/tokens`, {
        method: 'PUT',
        headers: { authorization: `Bearer ${from}` },
        body: `package tokens\n\ncurrent := "${to}"\n`,
      })

    await writeFile(tokenFile, 'first\n')
    expect((await client.decide(aBatch(3))).size).toBe(3)
    await rotate('first', 'second')
    expect(await meetPdp({ url, tokenFile }, /answered 401 unauthorized/)).toEqual(delayed('JW_PDP_REJECTED'))
    expect(await client.health()).toMatchObject({ failure: { code: 'JW_PDP_REJECTED' } })
    await writeFile(tokenFile, 'second\n')
    expect((await client.decide(aBatch(3))).size).toBe(3)
  })

  test.each(['', 'two words', 'two\nlines', 'sécret'])('that is none (%j) is not sent and not told', async (token) => {
    await using pdp = await LyingPdp.open(allowAll)
    const tokenFile = join(workspace.path, 'odd-token')
    await writeFile(tokenFile, token)
    await using client = await openClient({ url: pdp.url, tokenFile })
    const message = /^JW_PDP_REJECTED: the token file \S+ does not hold one token\. Look at its token/
    await expect(client.decide(aBatch(2))).rejects.toThrow(message)
    expect(pdp.questions).toEqual([])
  })
})

describe('a configuration that cannot work is refused at the start', () => {
  test.each(['http://', 'http://:::', 'http://127.0.0.1:8181/opa', 'https://127.0.0.1:99999'])('%s', async (url) => {
    await expect(openClient({ url })).rejects.toMatchObject({ code: 'JW_CONFIG_INVALID' })
  })

  test('TLS files that are missing, are none, or do not belong together', async () => {
    const other = await authority.issue('DNS:other')
    const url = 'https://127.0.0.1:8181'
    const garbage = join(workspace.path, 'garbage.pem')
    await writeFile(garbage, 'garbage')
    for (const access of [
      { caFile: '/nowhere/ca.pem' },
      { certFile: garbage, keyFile: garbage },
      { certFile: localhost.certFile, keyFile: other.keyFile },
    ])
      await expect(openClient({ url, ...access })).rejects.toMatchObject({ code: 'JW_CONFIG_INVALID' })
  })
})
