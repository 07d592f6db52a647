import { endTraces } from '../src/telemetry/register.ts'
import { parseArgs } from 'node:util'
import { SingleBar } from 'cli-progress'
import { denialsTable } from '../cli/denials.ts'
import { messageOf } from '../src/domain/failure.ts'
import { openWorkspace } from '../devkit/workspace.ts'
import type { Outcome } from '../src/domain/outcome.ts'
import { endWithReader, endProcess } from '../src/process/end-process.ts'
import { AUDIT_QUEUE } from '../src/redis/queue-names.ts'
import { openProducer } from '../src/producer/open-producer.ts'
import { listRecords } from '../src/storage/trail/list-records.ts'
import { tracingConfigured } from '../src/telemetry/tracing-variables.ts'
import { createLogger } from '../src/telemetry/logger.ts'
import { startAuditor } from '../workers/auditor.ts'
import { startAuthorizer } from '../workers/authorizer.ts'
import { DOCUMENTS, outcomes, recordedDenials, seed } from './demo/demo-database.ts'
import { type DemoStack, openDeployedStack, startDemoStack } from './demo/demo-stack.ts'
import { mixedCommands, scenes } from './demo/story.ts'
import { batchesLine, casesTable, countsOf } from './demo/tell.ts'
import { watch } from './demo/watch.ts'
import { countingBatches } from '../src/telemetry/observe-all.ts'
import { print } from '../src/process/terminal.ts'

const MIXED = 2_000
const PATIENCE_MS = 120_000

type Stack = Pick<DemoStack, 'config' | 'database'>

const say = (line: string) => print(`${line}\n`)

/** The main job on embedded defaults: it starts everything, uses it and takes it down again. */
async function demo(keep: boolean): Promise<void> {
  const workspace = await openWorkspace()
  try {
    const stack = await startDemoStack(process.env, workspace, (line) => say(`- ${line}`))
    const { config, database } = stack
    await seed(database)
    const log = createLogger('demo', config.logLevel)
    const tracing = tracingConfigured(process.env)
    const sizes: number[] = []
    const authorizer = await startAuthorizer({ config, log, tracing, database, observer: countingBatches(sizes) })
    workspace.defer(() => authorizer.close())
    const auditor = await startAuditor({ config, log, tracing, database })
    workspace.defer(() => auditor.close())
    say('- authorizer and auditor are at work')
    await tellStory(stack, tracing, sizes)
    if (keep) await watch(stack, say)
  } finally {
    await workspace.close()
  }
}

/** The same story with workers that already run, such as those of docker-compose.yml. */
async function demoDeployed(): Promise<void> {
  const stack = openDeployedStack(process.env, (line) => say(`- ${line}`))
  try {
    await seed(stack.database)
    await tellStory(stack, tracingConfigured(process.env))
  } finally {
    await stack.database.destroy()
  }
}

/** `sizes` collects the sizes of the batches, if the workers run in this process. */
async function tellStory(stack: Stack, tracing: boolean, sizes?: number[]): Promise<void> {
  const { config, database } = stack
  const run = Date.now().toString(36)
  const queue = await openProducer(config, { lifetimeMs: 3_600_000, tracing })
  try {
    const cases = scenes(run)
    await queue.producer.enqueue(cases.map(({ request }) => request))
    say(`\nThe article's cases:\n`)
    say(casesTable(cases, await settled(stack, run, cases.length)))

    sizes?.splice(0)
    const started = performance.now()
    await queue.producer.enqueue(mixedCommands(run, MIXED, DOCUMENTS))
    const all = await settled(stack, run, cases.length + MIXED, progress())
    const seconds = (performance.now() - started) / 1000
    say(`\n${MIXED} mixed commands: ${(MIXED / seconds).toFixed(0)} a second from enqueue to outcome`)
    if (sizes !== undefined) say(`  ${batchesLine(sizes)}`)
    say(`  all ${all.size} commands: ${countsOf(all.values())}`)

    const denied = [...all.values()].filter(({ outcome }) => outcome === 'denied').length
    await until(async () => (await recordedDenials(database, run)) >= denied)
    say(`\n${denied} denials went over the queue ${AUDIT_QUEUE} (prefix ${config.queuePrefix}) into the audit trail,`)
    say('view audit.denials. The newest:\n')
    say(denialsTable(await listRecords(database, { limit: 5 })))
  } finally {
    await queue.close()
  }
}

/** The outcomes of the run, once there are as many as there are commands. */
async function settled(
  { database }: Stack,
  run: string,
  count: number,
  onProgress: (done: number, of: number) => void = () => undefined,
): Promise<ReadonlyMap<string, Outcome>> {
  let found: ReadonlyMap<string, Outcome> = new Map()
  await until(async () => {
    found = await outcomes(database, run)
    onProgress(found.size, count)
    return found.size >= count
  })
  return found
}

function progress(): (done: number, of: number) => void {
  if (!process.stderr.isTTY) return () => undefined
  const bar = new SingleBar({ format: '{bar} {value}/{total} outcomes', clearOnComplete: true, hideCursor: true })
  let started = false
  return (done, of) => {
    if (!started) bar.start(of, 0)
    started = true
    bar.update(done)
    if (done >= of) bar.stop()
  }
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not all commands had an outcome within ${PATIENCE_MS / 1000} s`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

endWithReader()
try {
  const { values } = parseArgs({
    options: { keep: { type: 'boolean', default: false }, deployed: { type: 'boolean', default: false } },
  })
  if (values.keep && values.deployed) throw new Error('--keep: leave it out; the deployed servers stay up anyway')
  await (values.deployed ? demoDeployed() : demo(values.keep))
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`)
  process.exitCode = 1
}
await endProcess(endTraces)
