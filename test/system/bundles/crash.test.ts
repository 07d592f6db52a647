import { appendFile, chmod, readFile, readdir, writeFile } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { runProgram } from '../../../src/process/run-program.ts'
import { type ServerProcess, runningServers, startServer } from '../../../devkit/server-process.ts'
import { type Workspace, openWorkspace } from '../../../devkit/workspace.ts'
import { type BundleBench, openBundleBench, sidecarOnce } from '../../support/bundle-bench.ts'
import { startBundledOpa, whatDecides } from '../../support/bundled-opa.ts'
import { writeRevision } from '../../support/revisions.ts'
import { onSmallDisk } from '../../support/small-disk.ts'

let workspace: Workspace
let bench: BundleBench

beforeEach(async () => {
  workspace = await openWorkspace()
  bench = await openBundleBench(workspace)
})
afterEach(async () => {
  await workspace.close()
  expect(runningServers()).toEqual([])
})

const served = async () => (await bench.status()).served?.revision

/** A bundle server as it is deployed: a process of its own. */
async function startProcess(around: readonly string[] = [], opa = bench.opa): Promise<ServerProcess> {
  const [file, ...args] = [...around, process.execPath, 'workers/bundles.ts']
  if (file === undefined) throw new Error('there is nothing to start')
  const server = await startServer({
    name: 'bundle server',
    file,
    args,
    env: {
      PATH: process.env['PATH'],
      JOBWARDEN_LOG_LEVEL: 'warn',
      ...bench.env,
      JOBWARDEN_BUNDLES_OPA: opa,
    },
    isReady: async (signal) => (await fetch(`${bench.url}/readyz`, { signal })).ok,
  })
  workspace.defer(() => server.stop())
  return server
}

test('a server that is killed while it verifies a bundle serves the one before, and takes the new one later', async () => {
  const server = await startProcess([], await deadlyOpa())
  const deadly = await bench.make({ revision: 'r2' })
  await server.stop()
  const healthy = await startProcess()
  await bench.push(await bench.make({ revision: 'r1' }))
  const opa = await startBundledOpa(bench, { instance: 'one' })
  await healthy.stop()
  await server.start()
  await expect(bench.push(deadly)).rejects.toThrow(/JW_BUNDLES_UNAVAILABLE/)
  await server.stop()
  const folder = join(bench.dir, 'production')
  expect((await readdir(folder)).filter((name) => name.endsWith('.incoming.tar.gz'))).toHaveLength(1)
  expect(await whatDecides(opa)).toEqual({ says: 'says r1', revision: 'r1' })
  await healthy.start()
  expect(await served()).toBe('r1')
  expect((await readdir(folder)).filter((name) => name.endsWith('.incoming.tar.gz'))).toEqual([])
  await bench.push(deadly)
  await sidecarOnce(bench, ({ state, revision }) => state === 'current' && revision === 'r2')
})

test('a release whose line was cut off was never served, and the log goes on after the last whole one', async () => {
  const server = await startProcess()
  const { release } = await bench.push(await bench.make({ revision: 'r1' }))
  await server.kill('SIGKILL')
  const log = join(bench.dir, 'production', 'releases.jsonl')
  await appendFile(log, JSON.stringify({ ...release, revision: 'r2' }).slice(0, 100))
  await server.start()
  expect(await served()).toBe('r1')
  await bench.push(await bench.make({ revision: 'r3' }))
  const lines = (await readFile(log, 'utf8')).trimEnd().split('\n')
  expect(lines.map((line): unknown => JSON.parse(line))).toMatchObject([{ revision: 'r1' }, { revision: 'r3' }])
})

test('a server does not start on a log or a bundle that somebody changed', async () => {
  const server = await startProcess()
  const { release } = await bench.push(await bench.make({ revision: 'r1' }))
  await server.stop()
  const [log, bundle] = ['releases.jsonl', `${release.digest.slice('sha256:'.length)}.tar.gz`].map((name) =>
    join(bench.dir, 'production', name),
  )
  await writeFile(bundle ?? '', 'another')
  await expect(server.start()).rejects.toThrow(/is not the bundle that was pushed/)
  await writeFile(log ?? '', '{"revision":"r9"}\n')
  await expect(server.start()).rejects.toThrow(/releases\.jsonl:1: somebody changed this line/)
})

test('a full disk refuses a bundle with a clear word, and the one before is served on', async () => {
  await startProcess(['unshare', ...onSmallDisk(bench.dir, 96, [])])
  await bench.push(await bench.make({ revision: 'r1' }))
  const policies = await writeRevision(workspace, 'r2')
  await appendFile(join(policies, 'authz/authz.rego'), `\n# ${randomBytes(100_000).toString('hex')}\n`)
  const large = await bench.make({ revision: 'r2', policies })
  await expect(bench.push(large)).rejects.toThrow(/\(507\): the disk of the bundle server is full \(ENOSPC\)/)
  expect(await served()).toBe('r1')
  await bench.push(await bench.make({ revision: 'r3' }))
  expect(await served()).toBe('r3')
})

test('a log on a full disk holds what was confirmed, and nothing else', async () => {
  const folder = await workspace.folder('disk')
  const program = `
    import { readFile } from 'node:fs/promises'
    import { z } from 'zod'
    import { AppendLog } from './src/bundles/server/append-log.ts'
    const log = await AppendLog.open('${folder}/log.jsonl', z.object({ n: z.number(), text: z.string() }))
    let code
    for (let n = 0; code === undefined; n++)
      await log.append({ n, text: 'x'.repeat(997) }).catch((error) => (code = error.code))
    const lines = (await readFile('${folder}/log.jsonl', 'utf8')).split('\\n').slice(0, -1).map((line) => JSON.parse(line).n)
    const confirmed = log.entries.map(({ n }) => n)
    await log.close()
    console.log(JSON.stringify({ code, lines, confirmed }))`
  const node = [process.execPath, '--input-type=module-typescript', '--eval', program]
  const output = await runProgram('unshare', onSmallDisk(folder, 16, node))
  const { code, lines, confirmed }: { code: string; lines: number[]; confirmed: number[] } = JSON.parse(output)
  expect(code).toBe('ENOSPC')
  expect(confirmed.length).toBeGreaterThan(5)
  expect(lines).toEqual(confirmed)
})

/** An OPA that kills the server which has it verify a bundle. */
async function deadlyOpa(): Promise<string> {
  const folder = await workspace.folder('deadly')
  const file = join(folder, 'opa')
  await writeFile(file, `#!/bin/sh\n[ "$1" = build ] && kill -9 $PPID && exit 1\nexec '${bench.opa}' "$@"\n`)
  await chmod(file, 0o755)
  return file
}
