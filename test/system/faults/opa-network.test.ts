import { Queue } from 'bullmq'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type OpenProducer, openProducer } from '../../../src/producer/open-producer.ts'
import type { Config } from '../../../src/config/settings.ts'
import type { Running } from '../../../src/process/run-process.ts'
import { COMMAND_QUEUE } from '../../../src/redis/queue-names.ts'
import { redisOptions } from '../../../src/config/adapter-options.ts'
import { connectRedis } from '../../../src/redis/connect.ts'
import { createLogger } from '../../../src/telemetry/logger.ts'
import { startAuthorizer } from '../../../workers/authorizer.ts'
import { PEOPLE, aCommand } from '../../support/a-command.ts'
import { eventually } from '../../support/ledger.ts'
import { type Stack, seedDocuments, startStack } from '../../support/stack.ts'
import { TcpProxy } from '../../support/tcp-proxy.ts'

const COMMANDS = 12_000

let stack: Stack
let proxy: TcpProxy
let config: Config
let worker: Running
let queue: OpenProducer

beforeAll(async () => {
  stack = await startStack()
})
afterAll(() => stack.close())
beforeEach(async () => {
  await seedDocuments(stack.owner)
  await sql`truncate ledger.commands`.execute(stack.owner)
  proxy = await TcpProxy.open(stack.opa.port)
  config = stack.config({
    JOBWARDEN_OPA_URL: `http://127.0.0.1:${proxy.port}`,
    JOBWARDEN_OPA_TIMEOUT_MS: '400',
    JOBWARDEN_OPA_RESET_MS: '200',
  })
  queue = await openProducer(config, { lifetimeMs: 600_000, tracing: false })
})
afterEach(async () => {
  await worker.close()
  await queue.close()
  await proxy.close()
})

const recorded = async () => {
  const { rows } = await sql<{ n: number }>`select count(*)::int as n from ledger.commands`.execute(stack.owner)
  return rows[0]?.n ?? 0
}

/** How long it takes until another `count` outcomes are recorded, in milliseconds. */
async function timeFor(count: number): Promise<number> {
  const [from, started] = [await recorded(), performance.now()]
  await eventually(async () => ((await recorded()) >= from + count ? true : undefined))
  return performance.now() - started
}

type Fault = { readonly strike: () => Promise<unknown>; readonly heal: () => Promise<unknown> }
const faults: readonly (readonly [string, () => Fault])[] = [
  [
    'is frozen and thaws',
    () => ({ strike: () => stack.opa.server.kill('SIGSTOP'), heal: () => stack.opa.server.kill('SIGCONT') }),
  ],
  [
    'is killed and started again',
    () => ({ strike: () => stack.opa.server.kill('SIGKILL'), heal: () => stack.opa.server.start() }),
  ],
  [
    'is behind a network slower than its deadline, and the network recovers',
    () => ({ strike: async () => (proxy.latencyMs = 600), heal: async () => (proxy.latencyMs = 0) }),
  ],
  [
    'is cut off again and again, and left alone at last',
    () => {
      let cutting: NodeJS.Timeout
      return {
        strike: async () => (cutting = setInterval(() => proxy.reset(), 5)),
        heal: async () => clearInterval(cutting),
      }
    },
  ],
]

test.each(faults)(
  'when OPA %s under load, nothing is decided without it, no attempt is spent, and work is soon as fast as before',
  async (_what, makeFault) => {
    const users = [PEOPLE.user123, PEOPLE.admin, PEOPLE.guest]
    const commands = Array.from({ length: COMMANDS }, (_, index) =>
      aCommand({ user: users[index % 3] ?? PEOPLE.guest }),
    )
    await queue.producer.enqueue(commands)
    worker = await startAuthorizer({ config, log: createLogger('test', 'silent') })
    await timeFor(500)
    const before = await timeFor(1500)

    const fault = makeFault()
    await fault.strike()
    // What was under way may still end; then nothing moves any more, unless the fault lets some calls through.
    const undecided = await undecidedEffects()
    await eventually(async () => ((await isSuspended()) ? true : undefined), 20_000)
    await fault.heal()
    const healed = performance.now()
    await timeFor(1)
    const resumedAfter = performance.now() - healed
    const after = await timeFor(1500)

    expect(resumedAfter).toBeLessThan(10_000)
    // A quarter of the speed, on a machine where other work comes and goes, is "as before" and not "crawling".
    expect(before / after).toBeGreaterThan(0.25)
    await eventually(async () => ((await recorded()) === COMMANDS ? true : undefined), 60_000)
    expect(undecided + (await undecidedEffects())).toBe(0)
    expect(await jobCounts()).toEqual({ failed: 0, attempts: 1 })
  },
  120_000,
)

/** Outcomes of the policies that no recorded decision stands behind. */
async function undecidedEffects(): Promise<number> {
  const { rows } = await sql<{ n: number }>`
    select count(*)::int as n from ledger.commands where input_digest is null or policy_revision is null`.execute(
    stack.owner,
  )
  return rows[0]?.n ?? -1
}

/** Whether the ledger stands still: two looks apart show the same. */
async function isSuspended(): Promise<boolean> {
  const first = await recorded()
  await new Promise((resolve) => setTimeout(resolve, 300))
  return (await recorded()) === first && first < COMMANDS
}

/** Failed jobs, and the most attempts that a finished one shows: BullMQ counts the last, successful one. */
async function jobCounts() {
  const redis = connectRedis(redisOptions(config), 'worker', () => undefined)
  const jobs = new Queue(COMMAND_QUEUE, { prefix: config.queuePrefix, connection: redis })
  try {
    const completed = await jobs.getCompleted(0, 999)
    return {
      failed: await jobs.getFailedCount(),
      attempts: Math.max(...completed.map(({ attemptsMade }) => attemptsMade)),
    }
  } finally {
    await jobs.close()
    redis.disconnect()
  }
}
