import { expect, test } from 'vitest'
import { openProducer } from '../../../src/producer/open-producer.ts'
import { redisOptions } from '../../../src/config/adapter-options.ts'
import { loadConfig } from '../../../src/config/load-config.ts'
import { inspectRedis } from '../../../src/redis/admin/inspect.ts'
import { askRedis } from '../../support/ask-redis.ts'
import {
  STEADY,
  enqueueInCalls,
  longestPauseMs,
  lostCommands,
  repeatedDeliveries,
} from '../../support/failover-load.ts'
import { useFaultBench } from '../../support/fault-bench.ts'
import { eventually } from '../../support/ledger.ts'
import { type LocalCluster, startRedisCluster } from '../../support/redis-cluster.ts'
import { loginOf } from '../../support/redis-users.ts'
import { seedWorkload } from '../../support/workload.ts'

const PREFIX = '{jobwarden}'

const PRODUCER = { lifetimeMs: 600_000, tracing: false }

let cluster: LocalCluster
let place: Readonly<Record<string, string>>

const bench = useFaultBench(async (workspace) => {
  cluster = await startRedisCluster(workspace, PREFIX)
  place = {
    ...STEADY,
    JOBWARDEN_REDIS_URL: '',
    JOBWARDEN_REDIS_CLUSTER: cluster.addresses,
    JOBWARDEN_QUEUE_PREFIX: PREFIX,
  }
  return (user) => ({ ...place, ...loginOf(user) })
})

test('six nodes carry the main path, and nothing is delivered twice', async ({ annotate }) => {
  const { stack, startAuditor, startAuthorizer, expectOrder } = bench()
  const workload = await seedWorkload(stack.owner, 150)
  // With the deadlines of production: a busy machine must not look like an outage.
  const calm = {
    JOBWARDEN_JOB_LOCK_MS: '30000',
    JOBWARDEN_DATABASE_TIMEOUT_MS: '10000',
    JOBWARDEN_OPA_TIMEOUT_MS: '5000',
  }
  await Promise.all([startAuditor(calm).writes('auditing'), startAuthorizer(calm).writes('authorizing')])
  const started = Date.now()
  const { acknowledged, failedCalls } = await enqueueInCalls(bench(), workload, () => undefined)
  expect([acknowledged.length, failedCalls]).toEqual([workload.commands.length, 0])
  await expectOrder(workload)
  expect(await repeatedDeliveries(bench(), workload)).toBe(0)
  await annotate(`${workload.commands.length} commands in ${Date.now() - started} ms`)
}, 180_000)

/** The settings of a producer on the Cluster, with what the test wants besides. */
function producerConfig(overrides: Readonly<Record<string, string>> = {}) {
  return loadConfig(bench().stack.env({ ...place, ...loginOf('producer'), ...overrides }))
}

test('a producer that wants replicas to have its commands asks those of the queue', async () => {
  const { commands } = await seedWorkload(bench().stack.owner, 1)
  for (const [replicas, answer] of [
    ['1', expect.objectContaining({ rejected: [] })],
    ['2', expect.stringMatching(/^Failure: JW_QUEUE_UNCONFIRMED: .* 1 of 2 replicas have them after 300 ms$/)],
  ] as const) {
    const confirm = { JOBWARDEN_REDIS_CONFIRM_REPLICAS: replicas, JOBWARDEN_REDIS_CONFIRM_MS: '300' }
    const opened = await openProducer(producerConfig(confirm), PRODUCER)
    expect(await opened.producer.enqueue(commands).catch(String)).toEqual(answer)
    await opened.close()
  }
  await bench().commands.obliterate({ force: true })
})

test('one master that evicts keys makes the whole Cluster unfit', async () => {
  const policy = async (policies: string) => {
    const queues = await cluster.queueMaster()
    for (const { port, server } of cluster.nodes)
      if (server !== queues.server) await askRedis(port, (redis) => redis.config('SET', 'maxmemory-policy', policies))
  }
  await policy('volatile-lru')
  await expect(openProducer(producerConfig(), PRODUCER)).rejects.toThrow(
    /^JW_REDIS_UNFIT: .*volatile-lru.*set maxmemory-policy noeviction/,
  )
  await policy('noeviction')
})

test('jobwarden redis check looks at every node, and a replica of the Cluster is in its place', async () => {
  const config = loadConfig(bench().stack.env({ ...place, ...loginOf('admin') }))
  // A replica that has no offset yet is in no answer of CLUSTER SLOTS.
  const inspected = await eventually(async () => {
    const servers = await inspectRedis(redisOptions(config), PREFIX)
    return servers.length === cluster.nodes.length ? servers : undefined
  })
  expect(new Set(inspected.map(({ server }) => server))).toEqual(
    new Set(cluster.nodes.map(({ port }) => `127.0.0.1:${port}`)),
  )
  const found = inspected.flatMap(({ findings }) => findings)
  expect(found.filter(({ losesCommands }) => losesCommands === 'yes' || losesCommands === 'unseen')).toEqual([])
  expect(found.filter(({ state }) => state === 'replica')).toHaveLength(3)
})

test('after a master is killed, the same ids again bring every command to one outcome', async ({ annotate }) => {
  const { stack, startAuditor, startAuthorizer, enqueue, expectOrder } = bench()
  const workload = await seedWorkload(stack.owner, 160)
  await Promise.all([startAuditor().writes('auditing'), startAuthorizer().writes('authorizing')])
  const before = await cluster.queueMaster()
  const { acknowledged, failedCalls } = await enqueueInCalls(bench(), workload, (call) =>
    call === 60 ? before.server.kill('SIGKILL') : undefined,
  )
  const after = await eventually(async () => {
    const master = await cluster.queueMaster()
    return master === before ? undefined : master
  })
  expect(after.port).not.toBe(before.port)
  const lost = await lostCommands(bench(), acknowledged)
  const repeated = await repeatedDeliveries(bench(), workload)
  const pause = await longestPauseMs(stack.owner)

  await enqueue(workload)
  await expectOrder(workload)
  const facts = [`acknowledged ${acknowledged.length}`, `lost ${lost.length}`, `failed calls ${failedCalls}`]
  await annotate([...facts, `repeated ${repeated}`, `longest pause ${pause} ms`].join(', '))
  await before.server.start()
}, 180_000)
