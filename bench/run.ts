import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '../src/domain/failure.ts'
import { buildBundle } from '../src/policy-tools/write-bundle.ts'
import { obtainOpa } from '../devkit/obtain-opa.ts'
import { startOpa } from '../devkit/start-opa.ts'
import { type Workspace, openWorkspace } from '../devkit/workspace.ts'
import { compareCollections } from './compare-collections.ts'
import { compareRows } from './compare-rows.ts'
import { DEFAULT_JOBS, type Flags, USAGE, flagsOrComplaint } from './flags.ts'
import { MEMORY_JOBS, MEMORY_STEP, measureMemory, memoryVerdict } from './measure-memory.ts'
import { decisionLines, measureDecisions } from './measure-decisions.ts'
import { SCALE, type ScaleRow, measureScale, scaleLines } from './measure-scale.ts'
import { say } from './progress.ts'
import { jsonReport, table, verdictsOf } from './report.ts'
import { type Servers, startServers } from './servers.ts'

const WRONG_FLAGS = 2

const print = (line: string) => void process.stdout.write(`${line}\n`)

async function bench(flags: Flags): Promise<void> {
  const workspace = await openWorkspace()
  try {
    switch (flags.subject) {
      case 'workers':
        return await throughput(flags, await startServers(workspace, say))
      case 'scale':
        return await scale(flags, workspace)
      case 'memory':
        return await memory(await startServers(workspace, say))
      case 'decisions':
        return await decisions(workspace)
      case 'collections':
        return await collections(flags, workspace)
      default:
        return flags.subject satisfies never
    }
  } finally {
    await workspace.close()
  }
}

async function decisions(workspace: Workspace): Promise<void> {
  const { path: opa } = await obtainOpa({ say })
  const bundle = await buildBundle({ opa, policies: 'policies', out: join(workspace.path, 'bundle.tar.gz') })
  const { url } = await startOpa({ workspace, opa, bundle: bundle.file })
  for (const line of decisionLines(await measureDecisions(url))) print(line)
}

async function collections({ documents }: Flags, workspace: Workspace): Promise<void> {
  const { rows, verdicts } = await compareCollections(documents, workspace, say)
  print(`one user's rows of ${documents} documents     ms    rows  memory MiB`)
  for (const { name, ms, rows: found, memoryMiB } of rows)
    print(
      [name.padEnd(34), ms.toFixed(0).padStart(9), String(found).padStart(7), memoryMiB.toFixed(0).padStart(11)].join(
        ' ',
      ),
    )
  for (const verdict of verdicts) print(verdict)
}

async function throughput({ jobs, json }: Flags, servers: Servers): Promise<void> {
  const rows = await compareRows(jobs, servers)
  print(`\n${table(rows)}\n`)
  for (const verdict of verdictsOf(rows)) print(verdict)
  if (jobs < DEFAULT_JOBS) print(`${jobs} jobs mostly measure the start: only the default run counts`)
  if (json !== undefined) await writeFile(json, `${JSON.stringify(jsonReport(rows), undefined, 2)}\n`)
}

async function scale({ jobs }: Flags, workspace: Workspace): Promise<void> {
  const servers = await startServers(workspace, say)
  const { path: opa } = await obtainOpa({ say: () => undefined })
  const bundle = join(workspace.path, 'bundle.tar.gz')
  const opas = await Promise.all(
    Array.from({ length: Math.max(...SCALE) }, () => startOpa({ workspace, opa, bundle, env: { GOGC: '400' } })),
  )
  const rows: ScaleRow[] = []
  for (const workers of SCALE) rows.push(await measureScale(workers, jobs, servers, opas))
  for (const line of scaleLines(rows)) print(line)
}

async function memory(servers: Servers): Promise<void> {
  say(`${MEMORY_JOBS} jobs through one authorizer; its memory after every ${MEMORY_STEP}:`)
  const samples = await measureMemory(servers, ({ jobs, rssMiB }) => print(`${jobs} jobs: ${rssMiB.toFixed(0)} MiB`))
  const { flat, growth } = memoryVerdict(samples)
  print(`memory is flat: ${flat ? 'yes' : 'NO'}, the second half of the run needs ${growth.toFixed(2)} of the first`)
}

const flags = flagsOrComplaint(process.argv.slice(2))
if (flags === undefined) process.exitCode = WRONG_FLAGS
else if (flags.help) print(USAGE)
else {
  try {
    await bench(flags)
  } catch (error) {
    say(messageOf(error))
    process.exitCode = 1
  }
}
