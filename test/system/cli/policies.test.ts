import { createHash } from 'node:crypto'
import { mkdir, readFile, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { runProgram } from '../../../src/process/run-program.ts'
import { type Workspace, openWorkspace } from '../../../devkit/workspace.ts'
import { inspectBundle } from '../../../src/policy-tools/inspect-bundle.ts'
import { type BundleBench, openBundleBench } from '../../support/bundle-bench.ts'
import { type PolicyRepository, commitPolicies } from '../../support/policy-repository.ts'
import { runCli } from '../../support/run-cli.ts'

let workspace: Workspace
let bench: BundleBench
let repository: PolicyRepository
let policies: string

beforeAll(async () => {
  workspace = await openWorkspace()
  bench = await openBundleBench(workspace)
})
afterAll(() => workspace.close())
beforeEach(async () => {
  repository = await commitPolicies(workspace)
  policies = repository.policies
})

const run = (args: readonly string[], env: Record<string, string> = {}) =>
  runCli('cli/jobwarden.ts', ['policies', ...args], { env })
const at = (name: string) => join(repository.folder, name)
const git = (...args: readonly string[]) => repository.git(...args)
const build = (source: string, out: string, ...flags: readonly string[]) =>
  run(['build', source, '--environment', 'production', '--out', out, ...flags])

const digest = async (file: string) =>
  createHash('sha256')
    .update(await readFile(file))
    .digest('hex')

describe('jobwarden policies build', () => {
  test('names the commit, its author, the environment and the packages in the bundle', async () => {
    const commit = (await git('rev-parse', 'HEAD')).trim()
    const { status, stdout } = await build(policies, at('b.tar.gz'), '--require-clean')
    const revision = commit.slice(0, 12)
    expect(status).toBe(0)
    expect(stdout).toBe(`wrote ${at('b.tar.gz')}: revision ${revision} for production, owns authz, data_filter, jobs\n`)
    expect(await inspectBundle(bench.opa, at('b.tar.gz'))).toEqual({
      manifest: {
        revision,
        roots: ['authz', 'data_filter', 'jobs'],
        metadata: {
          environment: 'production',
          author: 'Ann Author <ann@example.org>',
          commit,
          committed_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
        },
      },
      signatures: [],
    })
    const manifest: unknown = JSON.parse(await runProgram('tar', ['-xzOf', at('b.tar.gz'), '/.manifest']))
    expect(manifest).toMatchObject({ rego_version: 1 })
  })

  test('gives the same bytes for the same commit, in another clone and at another time', async () => {
    await git('clone', '--quiet', '.', 'clone')
    await utimes(at('clone/policies/authz/authz.rego'), 1, 1)
    await build(policies, at('a.tar.gz'))
    await build(at('clone/policies'), at('b.tar.gz'))
    expect(await digest(at('a.tar.gz'))).toBe(await digest(at('b.tar.gz')))
  })

  test('names policies that git does not know by their content, warns, and refuses them when told to', async () => {
    await writeFile(join(policies, 'authz/more.rego'), 'package authz\n\nallow if input.user.role == "auditor"\n')
    const strict = await build(policies, at('b.tar.gz'), '--require-clean')
    expect(strict.status).toBe(2)
    expect(strict.stderr).toMatch(/--require-clean: .*policies is not committed to git as it is; commit it/)
    const { status, stdout, stderr } = await build(policies, at('b.tar.gz'))
    expect(status).toBe(0)
    expect(stdout).toMatch(/revision sha256:[0-9a-f]{12} for production/)
    expect(stderr).toMatch(/warning: .* is not committed to git as it is, so the revision is a hash of the content/)
  })

  test('tells rules that no filter says exactly, builds all the same, and refuses them when told to', async () => {
    const rule = 'package authz\n\nimport rego.v1\n\nallow if lower(input.resource.owner) == input.user.id\n'
    await writeFile(join(policies, 'authz/more.rego'), rule)
    const told = await build(policies, at('b.tar.gz'))
    expect(told.status).toBe(0)
    expect(told.stderr).toMatch(/authz\/authz\.rego:\d+: allow: exact/)
    expect(told.stderr).toMatch(
      /more\.rego:5: filters leave out `lower\(input\.resource\.owner\) == input\.user\.id`[^]*remedy: /,
    )
    const strict = await build(policies, at('c.tar.gz'), '--require-exact')
    expect(strict.status).toBe(1)
    await expect(stat(at('c.tar.gz'))).rejects.toThrow(/ENOENT/)
  })

  test.each([
    ['does not parse', 'authz/authz.rego', 'package authz\n\nallow if {\n', /authz\/authz\.rego:4: .*eof[^]*remedy: /],
    [
      'has no default',
      'authz/authz.rego',
      'package authz\n\nallow if false\n',
      /authz\.rego:3: package authz has no "allow"/,
    ],
    [
      'is Rego v0',
      'authz/authz.rego',
      'package authz\n\nallow { input.x }\n',
      /authz\.rego:3: this is Rego v0[^]*--v0-v1/,
    ],
    [
      'has data at the top',
      'data.json',
      '{"x": 1}',
      /data\.json:1: data at the top of the folder would own every package/,
    ],
  ])('refuses a folder that %s, with file and line, and writes nothing', async (_what, file, text, complaint) => {
    await writeFile(join(policies, file), text)
    const { status, stderr } = await build(policies, at('b.tar.gz'))
    expect(status).toBe(1)
    expect(stderr).toMatch(complaint)
    await expect(stat(at('b.tar.gz'))).rejects.toThrow(/ENOENT/)
  })

  test('refuses a folder without the package that workers ask', async () => {
    const { status, stderr } = await build('test/servers/policies/dropin', at('b.tar.gz'))
    expect(status).toBe(1)
    expect(stderr).toMatch(/dropin:1: there is no package jobs[^]*remedy: copy policies\/jobs/)
  })

  test('owns the packages that the folder has, data of theirs included', async () => {
    await mkdir(join(policies, 'lib'))
    await writeFile(join(policies, 'lib/lib.rego'), 'package lib.roles\n\nadmins := {"ann"}\n')
    await mkdir(join(policies, 'limits'))
    await writeFile(join(policies, 'limits/data.json'), '{"rows": 10}')
    expect((await build(policies, at('b.tar.gz'))).stdout).toMatch(/owns authz, data_filter, jobs, lib, limits\n$/)
  })
})

describe('jobwarden policies keygen and sign', () => {
  test.each(['ES256', 'RS256'])(
    'a key pair for %s signs, and OPA verifies it, for this environment alone',
    async (alg) => {
      const made = await run(['keygen', '--alg', alg, '--out', at('k.pem'), '--public-out', at('k.pub.pem')])
      expect(made).toMatchObject({ status: 0, stdout: `wrote ${at('k.pem')}\nwrote ${at('k.pub.pem')}\n` })
      expect((await stat(at('k.pem'))).mode & 0o777).toBe(0o600)
      await build(policies, at('b.tar.gz'))
      const signed = await run(['sign', at('b.tar.gz'), '--key', at('k.pem'), '--keyid', 'k1', '--out', at('s.tar.gz')])
      expect(signed.stdout).toMatch(
        new RegExp(`s\\.tar\\.gz: revision \\w+ signed by k1 \\(${alg}\\) for production\\n$`),
      )
      const verify = (scope: string) =>
        runProgram(bench.opa, [
          'build',
          '--verification-key',
          at('k.pub.pem'),
          '--verification-key-id',
          'k1',
          '--signing-alg',
          alg,
          '--scope',
          scope,
          '-o',
          at('verified.tar.gz'),
          '-b',
          at('s.tar.gz'),
        ])
      await verify('production')
      await expect(verify('staging')).rejects.toThrow(/scope mismatch/)
    },
  )

  test('a key is never written over another', async () => {
    await run(['keygen', '--out', at('k.pem'), '--public-out', at('k.pub.pem')])
    const before = await readFile(at('k.pem'), 'utf8')
    const again = await run(['keygen', '--out', at('k.pem'), '--public-out', at('other.pem')])
    expect(again.status).toBe(2)
    expect(again.stderr).toMatch(/EEXIST/)
    expect(await readFile(at('k.pem'), 'utf8')).toBe(before)
  })

  test.each([
    ['the public part', () => bench.publicKeyFile('production'), /must be a private key in PEM/],
    ['no key', () => 'package.json', /must be a private key in PEM/],
    ['no file', () => at('missing.pem'), /--key: ENOENT/],
  ])('refuses %s as a key', async (_what, key, complaint) => {
    await build(policies, at('b.tar.gz'))
    const { status, stderr } = await run(['sign', at('b.tar.gz'), '--key', key(), '--keyid', 'k1'])
    expect(status).toBe(2)
    expect(stderr).toMatch(complaint)
  })

  test('refuses a bundle that names no environment', async () => {
    await runProgram(bench.opa, ['build', '-b', policies, '-r', 'r1', '-o', at('b.tar.gz')])
    const key = ['--key', bench.keyFile('production'), '--keyid', 'k1']
    const { status, stderr } = await run(['sign', at('b.tar.gz'), ...key])
    expect(status).toBe(2)
    expect(stderr).toMatch(/names no environment; build it with/)
  })
})

const tokenFrom = (file: string) => ({ JOBWARDEN_BUNDLES_URL: 'http://x', JOBWARDEN_BUNDLES_TOKEN_FILE: file })

test.each([
  [['build'], {}, /required option '--environment <name>'/],
  [['build', '--environment', 'Prod'], {}, /must be lower-case letters/],
  [['build', 'missing', '--environment', 'production'], {}, /missing is not a folder of policies/],
  [['sign', 'b.tar.gz', '--keyid', 'k'], {}, /required option '--key <file>'/],
  [['sign', 'b.tar.gz', '--key', 'k', '--keyid', 'a b'], {}, /must be a plain name/],
  [['push'], {}, /missing required argument 'bundle'/],
  [['push', 'b.tar.gz'], {}, /JOBWARDEN_BUNDLES_URL: name the bundle server/],
  [['push', 'b.tar.gz'], { JOBWARDEN_BUNDLES_URL: 'http://x' }, /needs JOBWARDEN_BUNDLES_TOKEN_FILE/],
  [['status'], tokenFrom('/missing'), /TOKEN_FILE: cannot read the token file \/missing: ENOENT/],
  [['status'], tokenFrom('/dev/null'), /TOKEN_FILE: the token file \/dev\/null does not hold one token/],
  [['history'], {}, /JOBWARDEN_DATABASE_URL/],
  [['history', '--limit', 'many'], {}, /not a whole number/],
  [['frobnicate'], {}, /unknown command/],
])('refuses %j with a clear word and status 2', async (args, env, complaint) => {
  const { status, stderr } = await run(args, env)
  expect(stderr).toMatch(complaint)
  expect(status).toBe(2)
})
