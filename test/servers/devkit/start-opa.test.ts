import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeAll, expect, test } from 'vitest'
import { buildBundle } from '../../../src/policy-tools/write-bundle.ts'
import { obtainOpa } from '../../../devkit/obtain-opa.ts'
import { policyRevision } from '../../../src/policy-tools/policy-revision.ts'
import { runProgram } from '../../../src/process/run-program.ts'
import { startOpa } from '../../../devkit/start-opa.ts'
import { type Workspace, openWorkspace } from '../../../devkit/workspace.ts'
import { requireNoServers } from './no-leaks.ts'

let opa: string
beforeAll(async () => {
  opa = (await obtainOpa()).path
})
afterEach(requireNoServers)

/** A folder of policies with a test that would break every query if it were loaded. */
async function somePolicies(workspace: Workspace): Promise<string> {
  const policies = join(await workspace.folder('policies'), 'policies')
  await mkdir(policies)
  await writeFile(join(policies, 'greet.rego'), 'package greet\n\nhello := data.words.hello\n')
  await writeFile(join(policies, 'greet_test.rego'), 'package greet\n\nhello := "test"\n')
  await writeFile(join(policies, 'data.json'), '{ "words": { "hello": "good day" } }')
  return policies
}

const greeting = async (url: string) => (await fetch(`${url}/v1/data/greet/hello`)).json()

test('serves a bundle without its tests, under its revision, and leaves nothing behind', async () => {
  const workspace = await openWorkspace()
  const policies = await somePolicies(workspace)
  const { file, revision } = await buildBundle({ opa, policies, out: join(workspace.path, 'bundle.tar.gz') })
  const { url } = await startOpa({ workspace, opa, bundle: file })
  expect(await greeting(url)).toEqual({ result: 'good day' })
  const response = await fetch(`${url}/v1/data/system/bundles`, { method: 'POST' })
  expect(JSON.stringify(await response.json())).toContain(revision)
  await workspace.close()
  expect(existsSync(workspace.path)).toBe(false)
})

test('serves a folder of policies without its tests', async () => {
  await using workspace = await openWorkspace()
  const { url } = await startOpa({ workspace, opa, policies: await somePolicies(workspace) })
  expect(await greeting(url)).toEqual({ result: 'good day' })
})

test('says what OPA says of a policy that does not compile, and writes no bundle', async () => {
  await using workspace = await openWorkspace()
  const policies = await somePolicies(workspace)
  await writeFile(join(policies, 'broken.rego'), 'package broken\n\nallow if {\n')
  const out = join(workspace.path, 'bundle.tar.gz')
  await expect(buildBundle({ opa, policies, out })).rejects.toThrow(/opa exited with status 1\n[^]*broken\.rego:\d/)
  expect(existsSync(out)).toBe(false)
  await expect(startOpa({ workspace, opa, policies })).rejects.toThrow(/broken\.rego:\d/)
})

test('the revision is a content hash that tests do not change and policies do', async () => {
  await using workspace = await openWorkspace()
  const policies = await somePolicies(workspace)
  const before = await policyRevision(policies)
  expect(before).toMatch(/^sha256:[0-9a-f]{12}$/)
  await writeFile(join(policies, 'greet_test.rego'), 'package greet\n')
  expect(await policyRevision(policies)).toBe(before)
  await writeFile(join(policies, 'greet.rego'), 'package greet\n\nhello := "good night"\n')
  expect(await policyRevision(policies)).not.toBe(before)
})

test('the revision is the commit that changed the policies last, while git knows them as they are', async () => {
  await using workspace = await openWorkspace()
  const policies = await somePolicies(workspace)
  const cwd = join(policies, '..')
  const git = (...args: readonly string[]) =>
    runProgram('git', ['-c', 'user.name=Test', '-c', 'user.email=test@localhost', ...args], { cwd })
  await git('init', '--quiet')
  expect(await policyRevision(policies)).toMatch(/^sha256:/)
  await git('add', '.')
  await git('commit', '--quiet', '--message', 'policies')
  const commit = (await git('rev-parse', '--short=12', 'HEAD')).trim()
  await git('commit', '--quiet', '--allow-empty', '--message', 'something else')
  expect(await policyRevision(policies)).toBe(commit)
  await writeFile(join(policies, 'more.rego'), 'package more\n')
  expect(await policyRevision(policies)).toMatch(/^sha256:/)
})
