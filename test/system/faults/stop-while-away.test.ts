import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type Stack, startStack } from '../../support/stack.ts'
import { WorkerProcess, runningWorkers } from '../../support/worker-process.ts'

let stack: Stack

beforeAll(async () => {
  stack = await startStack()
})
afterEach(() => Promise.all(runningWorkers().map((worker) => worker.stop())))
afterAll(() => stack.close())

const WORKERS = [
  ['workers/authorizer.ts', '"authorizing"'],
  ['workers/auditor.ts', '"auditing"'],
] as const

test.each(WORKERS)('%s without a job stops gracefully while Redis is away', async (entry, begun) => {
  const worker = new WorkerProcess(entry, stack.env({ JOBWARDEN_LOG_LEVEL: 'info' }))
  await worker.writes(begun)
  await stack.redis.server.kill('SIGKILL')
  await worker.writes('JW_REDIS_UNAVAILABLE')
  const started = performance.now()
  const how = await worker.stop()
  await stack.redis.server.start()
  expect(how).toBe('exited with status 0')
  expect(performance.now() - started).toBeLessThan(8_000) // It was the whole grace, of 25 s, and status 1.
})

test.each(WORKERS)('%s that is told to stop while it starts stops gracefully', async (entry) => {
  const worker = new WorkerProcess(entry, stack.env({ JOBWARDEN_LOG_LEVEL: 'info' }))
  await worker.writes(entry.includes('auditor') ? '"auditing"' : '"authorizing"')
  expect(await worker.stop()).toBe('exited with status 0')
})
