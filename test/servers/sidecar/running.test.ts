import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type Server, createServer } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import type { DecisionRequest } from '../../../src/domain/decision.ts'
import { type Workspace, openWorkspace } from '../../../devkit/workspace.ts'
import type { Running } from '../../../src/process/run-process.ts'
import { filterRequest } from '../../../src/enforcement/ports/decision-point.ts'
import { document } from '../../../src/resource-types/document.ts'
import { type BundleBench, openBundleBench } from '../../support/bundle-bench.ts'
import { eventually } from '../../support/ledger.ts'
import { aBatch, openClient } from '../../support/pdp-client.ts'
import { type Sidecar, WORKER_TOKEN, startSidecar } from '../../support/sidecar.ts'

let workspace: Workspace
let bench: BundleBench
let bundles: Running
let sidecar: Sidecar
let collector: Server
const exported: Buffer[] = []

beforeAll(async () => {
  workspace = await openWorkspace()
  bench = await openBundleBench(workspace)
  bundles = await bench.start()
  await bench.push(await bench.make({ revision: 'r1', policies: 'policies' }))
  collector = createServer((call, response) => {
    call.on('data', (chunk: Buffer) => exported.push(chunk))
    call.on('end', () => response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end())
  })
  collector.listen(0, '127.0.0.1')
  await once(collector, 'listening')
  const address = z.object({ port: z.number() }).parse(collector.address())
  sidecar = await startSidecar(bench, `127.0.0.1:${address.port}`)
})
afterAll(async () => {
  await workspace.close()
  await bundles.close()
  collector.closeAllConnections()
  collector.close()
})

/** What a worker sends for one command. */
function decide(requests: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
  return fetch(`${sidecar.url}/v1/data/jobs/decisions?strict-builtin-errors=true`, {
    method: 'POST',
    headers: { authorization: `Bearer ${WORKER_TOKEN}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ input: { requests } }),
  })
}

const request = {
  user: { id: 'user_123', role: 'user', department: 'secret-department', email: 'secret-address' },
  action: 'read',
  resource: { type: 'document', id: 'resource_1', owner: 'secret-owner', department: 'secret-department' },
}

test('the client of the worker is admitted to all that it asks', async () => {
  await using client = await openClient({ url: sidecar.url, tokenFile: sidecar.tokenFile })
  expect((await client.decide(aBatch(3))).size).toBe(3)
  expect(await client.revision()).toBe('r1')
  const user = { id: 'user_123', role: 'user' }
  const wanted = filterRequest({ user, action: 'read' }, document)
  expect((await client.filter(new Map([['it', wanted]]))).get('it')).toMatchObject({
    policyRevision: 'r1',
    widened: [],
  })
  expect(await client.isVolatile('r1')).toBe(false)
})

test('a decision log tells who asked for what, and no attribute', async () => {
  expect((await decide({ 'logged-1': request })).status).toBe(200)
  const line = await eventually(async () => sidecar.lines.find((each) => each.includes('logged-1')))
  expect(JSON.parse(line)).toMatchObject({
    path: 'jobs/decisions',
    bundles: { production: { revision: 'r1' } },
    labels: { instance: 'tested', environment: 'production' },
    input: { requests: { 'logged-1': { user: { id: 'user_123', role: 'user' }, action: 'read' } } },
    result: { answers: { 'logged-1': { allow: false } } },
  })
  expect(sidecar.lines.join('\n')).not.toContain('secret')
})

test('its spans belong to the trace of the worker, and it starts none of its own', async () => {
  const [traceId, spanId, unsampled] = [randomBytes(16), randomBytes(8), randomBytes(16)]
  const parent = (trace: Buffer, flags: string) => ({
    traceparent: `00-${trace.toString('hex')}-${spanId.toString('hex')}-${flags}`,
  })
  await decide({ 'not-traced': request })
  await decide({ 'not-sampled': request }, parent(unsampled, '00'))
  await decide({ traced: request }, parent(traceId, '01'))
  const spans = await eventually(async () => {
    const all = Buffer.concat(exported)
    return all.includes(traceId) ? all : undefined
  }, 20_000)
  expect(spans.includes(spanId)).toBe(true)
  expect(spans.includes('v1/data')).toBe(true)
  expect(spans.includes(unsampled)).toBe(false)
})

test('a body over its cap is refused, and the client halves the batch until it fits', async () => {
  const user = { id: 'user_123', role: 'user', note: 'x'.repeat(50_000) }
  const resource = { type: 'document', id: 'resource_1', owner: 'user_123' }
  const batch = new Map<string, DecisionRequest>(
    Array.from({ length: 100 }, (_, n) => [`large-${n}`, { user, action: 'read', resource }]),
  )
  expect([400, 413]).toContain((await decide(Object.fromEntries(batch))).status)
  await using client = await openClient({ url: sidecar.url, tokenFile: sidecar.tokenFile })
  const answers = await client.decide(batch)
  expect([...answers.values()].filter((answer) => answer instanceof Error)).toEqual([])
  expect(answers.size).toBe(100)
})

test('its histogram tells half a millisecond from one and from two', async () => {
  await decide({ measured: request })
  const metrics = await (await fetch(`${sidecar.diagnosticUrl}/metrics`)).text()
  for (const bound of ['0.0005', '0.001', '0.002', '0.003'])
    expect(metrics).toContain(
      `http_request_duration_seconds_bucket{code="200",handler="v1/data",method="post",le="${bound}"}`,
    )
})
