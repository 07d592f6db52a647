import { readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { runProgram } from '../../../src/process/run-program.ts'
import { signBundle } from '../../../src/policy-tools/write-bundle.ts'
import { type Workspace, openWorkspace } from '../../../devkit/workspace.ts'
import type { Running } from '../../../src/process/run-process.ts'
import { makeBrokenBundle } from '../../support/broken-bundle.ts'
import { type BundleBench, KEY_OF, openBundleBench } from '../../support/bundle-bench.ts'

let workspace: Workspace
let bench: BundleBench
let server: Running

beforeEach(async () => {
  workspace = await openWorkspace()
  bench = await openBundleBench(workspace)
  server = await bench.start()
})
afterEach(async () => {
  await server.close()
  await workspace.close()
})

const served = async (environment?: string) => (await bench.status(environment)).served

test('a good bundle is served, with what is known of who made and signed it, and pushing it again changes nothing', async () => {
  const file = await bench.make({ revision: 'r1' })
  const { release, again } = await bench.push(file)
  expect(again).toBe(false)
  expect(release).toMatchObject({
    bundle: 'production',
    revision: 'r1',
    digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
    signedBy: 'ops-production',
    pushedBy: 'pipeline',
  })
  expect(await bench.push(file)).toEqual({ release, again: true, before: 'r1' })
  expect(await served()).toEqual(release)
})

describe('what is served stays when a bundle is pushed that', () => {
  const badCases: readonly (readonly [string, () => Promise<string>, RegExp])[] = [
    [
      'is not signed',
      () => bench.make({ revision: 'r2', signer: false }),
      /^JW_BUNDLES_REFUSED: .*\(422\): it is not signed/,
    ],
    [
      'is signed by a key of nobody',
      () => bench.make({ revision: 'r2', signer: 'stranger' }),
      /signed by "stranger", and/,
    ],
    [
      'is signed by the key of staging',
      () => bench.make({ revision: 'r2', signer: 'staging' }),
      /signed by "ops-staging", and/,
    ],
    ['has a signature of another key under a known name', forged, /verify JWT signature/],
    ['was changed after it was signed', tampered, /digest mismatch/],
    ['is signed for another scope', () => bench.make({ revision: 'r2', scope: 'staging' }), /scope mismatch/],
    [
      'was built for staging',
      () => bench.make({ revision: 'r2', environment: 'staging', scope: 'production' }),
      /built for staging/,
    ],
    [
      'owns packages of OPA itself',
      () => bench.make({ revision: 'r2', roots: ['authz', 'data_filter', 'jobs', 'system'] }),
      /owns "system"; in production a bundle may own authz,/,
    ],
    ['owns all packages', () => bench.make({ revision: 'r2', roots: [''] }), /owns all packages/],
    [
      'has a revision that was used for other content',
      renamed,
      /\(409\): production has known the revision r1 with other content/,
    ],
    ['is no Rego', () => makeBrokenBundle(bench, 'r2'), /authz\.rego:\d+: rego_parse_error/],
    ['is cut off', cutOff, /\(422\)/],
    ['is no bundle', () => written(gzipSync('nothing of the kind')), /\(422\): OPA cannot read it/],
    ['is no gzip file', () => written(Buffer.from('nothing of the kind')), /no gzip file/],
    ['unpacks to half a gigabyte', () => written(gzipSync(Buffer.alloc(512 * 1024 * 1024))), /unpacks to too much/],
    ['is too large', () => written(Buffer.alloc(17 * 1024 * 1024)), /\(413\): a bundle may have 16777216 bytes/],
  ]
  test.each(badCases)('%s', async (_what, makeBad, complaint) => {
    const { release } = await bench.push(await bench.make({ revision: 'r1' }))
    await expect(bench.push(await makeBad())).rejects.toThrow(complaint)
    expect(await served()).toEqual(release)
    expect(await readdir(join(bench.dir, 'production'))).toHaveLength(3) // The bundle and two logs; nothing half done.
  })

  async function written(content: Buffer): Promise<string> {
    const file = join(await workspace.folder('content'), 'bundle.tar.gz')
    await writeFile(file, content)
    return file
  }

  async function cutOff(): Promise<string> {
    const whole = await readFile(await bench.make({ revision: 'r2' }))
    return written(whole.subarray(0, whole.length / 2))
  }

  async function forged(): Promise<string> {
    const file = await bench.make({ revision: 'r2', signer: false })
    const key = { keyFile: bench.keyFile('stranger'), algorithm: 'ES256', keyid: KEY_OF.production } as const
    await signBundle({ opa: bench.opa, bundle: file, out: file, ...key, scope: 'production' })
    return file
  }

  async function tampered(): Promise<string> {
    const folder = await workspace.folder('tampered')
    const [content, file] = [join(folder, 'content'), join(folder, 'bundle.tar.gz')]
    await runProgram('mkdir', [content])
    await runProgram('tar', ['-xzf', await bench.make({ revision: 'r2' }), '-C', content])
    await writeFile(join(content, 'authz/authz.rego'), 'package authz\n\nallow := true\n')
    await runProgram('tar', ['-czf', file, '-C', content, ...(await readdir(content))])
    return file
  }

  async function renamed(): Promise<string> {
    return bench.make({ revision: 'r1', policies: 'policies' })
  }
})

test('an older bundle may be pushed again, and is a release of its own', async () => {
  const [first, second] = [await bench.make({ revision: 'r1' }), await bench.make({ revision: 'r2' })]
  const { release } = await bench.push(first)
  await bench.push(second)
  const { release: back } = await bench.push(first)
  expect(back).toEqual({ ...release, pushedAt: back.pushedAt })
  expect(back.pushedAt > release.pushedAt).toBe(true)
  expect(await served()).toEqual(back)
})

test('the same policies signed anew are another bundle of the same revision', async () => {
  const policies = 'policies'
  const { release: first } = await bench.push(await bench.make({ revision: 'r1', policies }))
  const { release: second } = await bench.push(await bench.make({ revision: 'r1', policies }))
  expect(second.contentDigest).toBe(first.contentDigest)
  expect(second.digest).not.toBe(first.digest)
})

test('what was pushed survives the server', async () => {
  const { release } = await bench.push(await bench.make({ revision: 'r1' }))
  await server.close()
  server = await bench.start()
  expect(await served()).toEqual(release)
})
