import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Workspace, openWorkspace } from '../../../devkit/workspace.ts'
import { ended, endedOf, expectOrder, produce } from '../../support/deployed-load.ts'
import { DeployedStack } from '../../support/deployed-stack.ts'
import { eventually } from '../../support/ledger.ts'
import { type Workload, emptyDatabase, seedWorkload } from '../../support/workload.ts'

let stack: DeployedStack
let workspace: Workspace

beforeAll(async () => {
  workspace = await openWorkspace()
  stack = await DeployedStack.up(['test/system/deployment/small-disks.yml'])
}, 900_000)

afterAll(async () => {
  await stack.down()
  await workspace.close()
}, 120_000)

/** A load that is running: its workload, since when, and its end, when everything is enqueued. */
type Load = { readonly workload: Workload; readonly since: string; readonly produced: Promise<string> }
type Fault = (load: Load) => Promise<unknown>

async function meet(fault: Fault, load: Load): Promise<{ readonly struck: number; readonly over: number }> {
  await ended(stack, load.workload, 100)
  const struck = await endedOf(stack, load.workload)
  await fault(load)
  await stack.reconnect()
  return { struck, over: await endedOf(stack, load.workload) }
}

/** So many rounds of 12 commands that producer and workers are at it when a fault comes. */
const ROUNDS = 160

/** Commands a call of the producer, which takes most of a second: smaller calls make a load that lasts. */
const STEADY = 250
const LASTING = 80

/** How many of the commands had an outcome when the fault came and when it was over, and what the workers logged. */
type Met = { readonly struck: number; readonly over: number; readonly logs: string }

/**
 * Strikes while a producer enqueues, and leaves the stack to itself once the fault is over. Everything that the producer
 * was told is enqueued must have ended once, as it should, and nothing may count as a defect of jobwarden.
 */
async function underLoad(fault: Fault, perCall = STEADY): Promise<Met> {
  await emptyDatabase(stack.owner)
  const workload = await seedWorkload(stack.owner, ROUNDS)
  const since = new Date().toISOString()
  const produced = produce(stack, workspace, workload, perCall)
  // Both end here, however the other one ends: a producer that is left running would go on into the next test.
  const [met] = await Promise.allSettled([meet(fault, { workload, since, produced }), produced])
  if (met.status === 'rejected') throw met.reason
  await produced
  const { struck, over } = met.value
  await expectOrder(stack, workload)
  const logs = await stack.compose.logs(since, 'authorizer', 'auditor')
  expect(logs).not.toContain('JW_UNEXPECTED')
  // It was under load: this many had no outcome yet.
  expect(workload.commands.length - struck).toBeGreaterThan(500)
  return { struck, over, logs }
}

const ends =
  (how: 'restart' | 'kill', service: string): Fault =>
  async () => {
    await stack.compose.call([how, service])
    await stack.compose.start(service)
  }

/** Until the worker says so in its log and by its probe. */
const isStopped =
  (service: string, word: string): Fault =>
  async ({ since }) => {
    await stack.compose.call(['stop', service])
    await logged(since, word)
    await eventually(async () => !(await stack.workerIsReady()) || undefined)
    await stack.compose.start(service)
  }

const onDisk = (service: string, script: string) =>
  stack.compose.exec('disks', 'sh', '-c', `cd /disks/${service} && ${script}`)
const fill = (service: string) => onDisk(service, 'cat /dev/zero >ballast 2>/dev/null; test -s ballast')
const free = (service: string) => onDisk(service, 'rm ballast')

const logged = (since: string, what: string) =>
  eventually(async () => (await stack.compose.logs(since, 'authorizer')).includes(what) || undefined, 60_000)

test('3,000 commands on the queue survive a graceful restart of Redis, each with its one outcome', async ({
  annotate,
}) => {
  await emptyDatabase(stack.owner)
  const workload = await seedWorkload(stack.owner, 250)
  await stack.compose.call(['stop', 'authorizer'])
  expect(await produce(stack, workspace, workload, 3_000)).toContain('3000 enqueued, 0 rejected')
  await Promise.all([stack.compose.call(['start', 'authorizer']), ended(stack, workload, 100)])
  await stack.compose.call(['restart', 'redis'])
  await stack.reconnect()
  const before = await endedOf(stack, workload)
  await expectOrder(stack, workload)
  await annotate(`${before} had an outcome just after the restart`)
  expect(before).toBeLessThan(2_900) // The restart met a queue.
}, 180_000)

describe('under load, every command has its one outcome and I1 to I6 hold, when', () => {
  test.for([
    ['Redis is restarted gracefully', ends('restart', 'redis')],
    ['Redis is killed', ends('kill', 'redis')],
    ['PostgreSQL is restarted gracefully', ends('restart', 'postgres')],
    ['PostgreSQL is killed', ends('kill', 'postgres')],
    ['OPA is restarted gracefully', ends('restart', 'opa')],
    ['OPA is killed', ends('kill', 'opa')],
    ['the bundle server is restarted gracefully', ends('restart', 'bundles')],
    ['the bundle server is killed', ends('kill', 'bundles')],
  ] as const)('%s', { timeout: 180_000 }, async ([, fault], { annotate }) => {
    const { struck, over } = await underLoad(fault)
    await annotate(`${struck} had ended when it came, ${over} when it was over`)
    expect(over).toBeGreaterThanOrEqual(struck)
  })

  test.for([
    ['Redis', 'redis', 'JW_REDIS_UNAVAILABLE'],
    ['PostgreSQL', 'postgres', 'JW_STORE_UNAVAILABLE'],
    ['OPA', 'opa', 'OPA is down: taking no jobs'],
  ] as const)('%s is away until the worker says so', { timeout: 180_000 }, async ([, service, word]) => {
    const { struck, over } = await underLoad(isStopped(service, word), LASTING)
    expect(over).toBeGreaterThanOrEqual(struck)
  })

  test("Redis' disk is full: producers and workers are told why", async () => {
    await underLoad(async ({ since }) => {
      await fill('redis')
      await logged(since, 'MISCONF')
      await expect(stack.enqueueDenied(1, 'refused')).rejects.toThrow(/JW_QUEUE_UNAVAILABLE: .*MISCONF/)
      await free('redis')
    }, LASTING)
  }, 180_000)

  test("PostgreSQL's disk is full", async () => {
    const { logs } = await underLoad(async ({ since }) => {
      await fill('postgres')
      await logged(since, 'JW_STORE_UNAVAILABLE')
      await free('postgres')
      await stack.compose.start('postgres')
    }, LASTING)
    expect(logs).toMatch(/JW_STORE_UNAVAILABLE.*No space left on device/)
  }, 180_000)

  test('the bundle server is away: sidecars decide on', async () => {
    const { over } = await underLoad(async ({ workload, produced }) => {
      await stack.compose.call(['stop', 'bundles'])
      await produced
      await ended(stack, workload, workload.commands.length)
      await stack.compose.start('bundles')
    })
    expect(over).toBe(12 * ROUNDS)
  }, 180_000)

  test("the bundle server's disk is full: what was served is served on, and the push says what is wrong", async () => {
    const policies = join(await workspace.folder('changed'), 'policies')
    await cp('policies', policies, { recursive: true })
    const file = join(policies, 'authz', 'authz.rego')
    await writeFile(file, `${await readFile(file, 'utf8')}\n# another revision\n`)
    const push = () => stack.compose.run('publish', [], ['--volume', `${policies}:/policies:ro`])
    const served = () => stack.compose.run('console', ['policies', 'status', '--json'])
    await underLoad(async () => {
      const before = /"revision":"[^"]+"/.exec(await served())?.[0] ?? 'nothing'
      await fill('bundles')
      await expect(push()).rejects.toThrow(/JW_BUNDLES_UNAVAILABLE: .*the disk of the bundle server is full/)
      expect(await served()).toContain(before)
      await free('bundles')
      await push()
      expect(await served()).not.toContain(`"served":{"bundle":"production",${before}`)
    })
  }, 180_000)
})

test('without a decision point and without policies nothing ends, and then everything does (I5)', async () => {
  await underLoad(async ({ workload, since, produced }) => {
    await stack.compose.call(['stop', 'bundles'])
    await stack.compose.call(['restart', 'opa']) // It comes back without policies.
    await logged(since, 'OPA is down: taking no jobs')
    await eventually(async () => !(await stack.workerIsReady()) || undefined)
    const before = await endedOf(stack, workload)
    await produced
    expect(before).toBeLessThan(workload.commands.length)
    expect(await endedOf(stack, workload)).toBe(before)
    await stack.compose.start('bundles')
  }, LASTING)
}, 180_000)

test('the deployed Redis would lose nothing, as an administrator sees it', async () => {
  const login = ['JOBWARDEN_REDIS_USERNAME=admin', 'JOBWARDEN_REDIS_PASSWORD_FILE=/secrets/redis/admin.password']
  const flags = login.flatMap((setting) => ['--env', setting])
  expect(await stack.compose.run('console', ['redis', 'check', '--strict'], flags)).not.toMatch(/YES|not seen/)
})
