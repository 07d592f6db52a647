import { createServer } from 'node:http'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../../../devkit/free-port.ts'
import { aCommand } from '../../support/a-command.ts'
import { type BlackHole, openBlackHole } from '../../support/black-hole.ts'
import { type CliResult, runCli } from '../../support/run-cli.ts'
import { type Stack, seedDocuments, startStack } from '../../support/stack.ts'
import { WorkerProcess, runningWorkers } from '../../support/worker-process.ts'

/** Traces may make a program this much slower, from start to end: the SDK is loaded, and the last spans are sent. */
const EXTRA_MS = 2_000
const COMMANDS: readonly string[] = ['enqueue', 'denials', 'enqueue --acton']
const WORKERS = ['workers/authorizer.ts', 'workers/auditor.ts'] as const

let stack: Stack
let hole: BlackHole
let collectors: Readonly<Record<'refuses' | 'refuses gRPC' | 'is silent', Readonly<Record<string, string>>>>

beforeAll(async () => {
  stack = await startStack()
  await seedDocuments(stack.owner)
  hole = await openBlackHole()
  collectors = {
    refuses: { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await freePort()}` },
    'refuses gRPC': {
      OTEL_EXPORTER_OTLP_ENDPOINT: `127.0.0.1:${await freePort()}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
    },
    'is silent': { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${hole.port}` },
  }
})
afterEach(() => Promise.all(runningWorkers().map((worker) => worker.stop())))
afterAll(async () => {
  await hole.close()
  await stack.close()
})

async function timed<Result>(run: () => Promise<Result>): Promise<{ readonly result: Result; readonly ms: number }> {
  const started = performance.now()
  const result = await run()
  return { result, ms: performance.now() - started }
}

const jobwarden = (args: readonly string[], env: Readonly<Record<string, string>>): Promise<CliResult> =>
  runCli('cli/jobwarden.ts', args, { env: stack.env(env), input: JSON.stringify(aCommand()) })

/** Runs a worker with one job to trace, and gives how it ended and how long that took from its signal. */
async function stopped(entry: string, env: Readonly<Record<string, string>>) {
  const settings = stack.env({ JOBWARDEN_LOG_LEVEL: 'info', ...env })
  const worker = new WorkerProcess(entry, settings)
  await worker.writes(entry.includes('auditor') ? '"auditing"' : '"authorizing"')
  const ended = await timed(() => worker.stop())
  return { ...ended, lines: worker.lines }
}

describe.each(['refuses', 'refuses gRPC', 'is silent'] as const)('a collector that %s', (how) => {
  test.each(COMMANDS)('costs `jobwarden %s` its traces alone, and two seconds at most', async (command) => {
    const args = command.split(' ')
    const without = await timed(() => jobwarden(args, {}))
    const traced = await timed(() => jobwarden(args, collectors[how]))
    const { stderr, ...rest } = traced.result
    expect(rest).toEqual({ status: without.result.status, stdout: without.result.stdout })
    const own = stderr.replace(/^the last traces are lost: the collector did not accept them \(.*\)\n/m, '')
    expect(own).toBe(without.result.stderr)
    expect(own !== stderr).toBe(command === 'enqueue') // It alone has spans to lose.
    expect(traced.ms - without.ms).toBeLessThan(EXTRA_MS)
  })

  test.each(WORKERS)('lets %s end as without traces, two seconds later at most', async (entry) => {
    const without = await stopped(entry, {})
    const traced = await stopped(entry, { ...collectors[how], OTEL_TRACES_SAMPLER: 'always_on' })
    expect([without.result, traced.result]).toEqual(['exited with status 0', 'exited with status 0'])
    expect(traced.ms - without.ms).toBeLessThan(EXTRA_MS)
    expect(traced.lines.join('\n')).toMatch(/"stopped"/)
  })
})

test('a collector that answers gets the last spans of a command line', async () => {
  const paths: string[] = []
  const server = createServer((request, response) => {
    paths.push(request.url ?? '')
    request.resume().on('end', () => response.end())
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const result = await jobwarden(['enqueue'], { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` })
  server.close()
  expect(result).toEqual({ status: 0, stdout: '1 enqueued, 0 rejected\n', stderr: '' })
  expect(paths).toEqual(['/v1/traces'])
})

test('the black hole was asked: the tests above were about something', () => {
  expect(hole.connections()).toBeGreaterThan(0)
})

test.each([
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4318'],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'http://user:QXZQXZ@'],
  ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'http://QXZ QXZ'],
  ['OTEL_TRACES_SAMPLER', 'QXZ'],
  ['OTEL_TRACES_SAMPLER_ARG', '1.5'],
  ['OTEL_EXPORTER_OTLP_PROTOCOL', 'QXZ'],
  ['OTEL_TRACES_EXPORTER', 'QXZ'],
  ['OTEL_PROPAGATORS', 'tracecontext,QXZ'],
])('a wrong %s turns traces off, with one line, and stops nothing', async (name, value) => {
  const sampler = name === 'OTEL_TRACES_SAMPLER_ARG' ? { OTEL_TRACES_SAMPLER: 'traceidratio' } : {}
  const { status, stdout, stderr } = await jobwarden(['enqueue'], { ...collectors.refuses, ...sampler, [name]: value })
  expect({ status, stdout }).toEqual({ status: 0, stdout: '1 enqueued, 0 rejected\n' })
  expect(stderr).toMatch(new RegExp(`^traces are off: ${name}: must be [^\n]*\n$`))
  expect(stderr).not.toContain('QXZ')
})
