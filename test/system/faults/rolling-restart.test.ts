import { join } from 'node:path'
import { expect, test } from 'vitest'
import { buildBundle } from '../../../src/policy-tools/write-bundle.ts'
import { obtainOpa } from '../../../devkit/obtain-opa.ts'
import { type LocalOpa, startOpa } from '../../../devkit/start-opa.ts'
import { useFaultBench } from '../../support/fault-bench.ts'
import { eventually, recordedOutcomes } from '../../support/ledger.ts'
import type { WorkerProcess } from '../../support/worker-process.ts'
import { type Workload, joined, seedWorkload } from '../../support/workload.ts'

const bench = useFaultBench()

const INSTANCES = 2
const ROUNDS = 2
const WAITING = 300

/** The deadlines of production: here nothing dies, so a lock that expires or a call that times out would be a defect. */
const UNHURRIED = {
  JOBWARDEN_JOB_LOCK_MS: '30000',
  JOBWARDEN_DATABASE_TIMEOUT_MS: '10000',
  JOBWARDEN_OPA_TIMEOUT_MS: '2000',
}

/** A worker and the OPA beside it, as one pod has them. */
type Instance = { readonly opa: LocalOpa; readonly worker: WorkerProcess }

async function startSidecar(): Promise<LocalOpa> {
  const { workspace } = bench().stack
  const { path: opa } = await obtainOpa()
  const out = join(await workspace.folder('bundle'), 'bundle.tar.gz')
  const { file: bundle } = await buildBundle({ opa, policies: 'policies', out })
  return startOpa({ workspace, opa, bundle })
}

async function startWorker(opa: LocalOpa): Promise<Instance> {
  const worker = bench().startAuthorizer({ ...UNHURRIED, JOBWARDEN_OPA_URL: opa.url })
  await worker.writes('authorizing')
  return { opa, worker }
}

/** Kubernetes' order: the worker drains while its sidecar still answers, then the sidecar stops; the new pod starts. */
async function replace({ opa, worker }: Instance): Promise<Instance> {
  expect(await worker.stop()).toBe('exited with status 0')
  await opa.server.stop()
  await opa.server.start()
  return startWorker(opa)
}

/** Keeps the queue full until it is stopped. */
function startLoad(): { readonly enqueued: readonly Workload[]; stop(): Promise<void> } {
  const { stack, enqueue, commands } = bench()
  const enqueued: Workload[] = []
  const stopping = new AbortController()
  const run = async () => {
    while (!stopping.signal.aborted) {
      const workload = await seedWorkload(stack.owner, 20)
      enqueued.push(workload)
      await enqueue(workload)
      await eventually(async () => (await commands.getWaitingCount()) < WAITING || stopping.signal.aborted || undefined)
    }
  }
  const running = run()
  return {
    enqueued,
    stop: () => {
      stopping.abort()
      return running
    },
  }
}

async function recordedCount(workloads: readonly Workload[]): Promise<number> {
  const ids = workloads.flatMap(({ expected }) => [...expected.keys()])
  return (await recordedOutcomes(bench().stack.owner, ids)).size
}

test('a rolling restart under load loses nothing, does nothing twice and burns no attempt', async () => {
  const { startAuditor, expectOrder, commands, audit } = bench()
  await startAuditor().writes('auditing')
  let instances = await Promise.all(Array.from({ length: INSTANCES }, async () => startWorker(await startSidecar())))

  const load = startLoad()
  const recordedWhile: number[] = []
  try {
    for (let round = 0; round < ROUNDS; round += 1)
      for (const [index, instance] of instances.entries()) {
        const before = await recordedCount(load.enqueued)
        instances = instances.with(index, await replace(instance))
        recordedWhile.push((await recordedCount(load.enqueued)) - before)
      }
  } finally {
    await load.stop()
  }

  await expectOrder(joined(...load.enqueued))
  // The other instance went on meanwhile: a restart is no outage.
  expect(Math.min(...recordedWhile)).toBeGreaterThan(0)
  expect(await commands.getFailedCount()).toBe(0)
  expect(await audit.getFailedCount()).toBe(0)
  for (const job of await commands.getCompleted()) expect(job).toMatchObject({ attemptsMade: 1, stalledCounter: 0 })
}, 180_000)
