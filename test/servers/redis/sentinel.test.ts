import { expect, test } from 'vitest'
import { openProducer } from '../../../src/producer/open-producer.ts'
import { redisOptions } from '../../../src/config/adapter-options.ts'
import { loadConfig } from '../../../src/config/load-config.ts'
import type { LocalRedis } from '../../../devkit/start-redis.ts'
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
import { eventually, recordedOutcomes } from '../../support/ledger.ts'
import {
  type LocalSentinels,
  MASTER_NAME,
  SENTINEL_PASSWORD,
  startRedisSentinels,
} from '../../support/redis-sentinel.ts'
import { loginOf } from '../../support/redis-users.ts'
import { joined, seedWorkload } from '../../support/workload.ts'

const PREFIX = 'jobwarden'

let sentinels: LocalSentinels
let place: Readonly<Record<string, string>>

const bench = useFaultBench(async (workspace) => {
  sentinels = await startRedisSentinels(workspace, PREFIX)
  place = {
    ...STEADY,
    JOBWARDEN_REDIS_URL: '',
    JOBWARDEN_REDIS_SENTINELS: sentinels.addresses,
    JOBWARDEN_REDIS_SENTINEL_NAME: MASTER_NAME,
    JOBWARDEN_REDIS_SENTINEL_PASSWORD: SENTINEL_PASSWORD,
    JOBWARDEN_QUEUE_PREFIX: PREFIX,
  }
  return (user) => ({ ...place, ...loginOf(user) })
})

/** The master and its replica as they are now. */
async function roles(): Promise<{ master: LocalRedis; replica: LocalRedis }> {
  const { master, replica } = sentinels
  return (await sentinels.masterPort()) === master.port ? { master, replica } : { master: replica, replica: master }
}

/** Waits until `redis` is the master that the sentinels name, and takes writes. */
async function promoted(redis: LocalRedis): Promise<true> {
  return eventually(async () => {
    const named = (await sentinels.masterPort()) === redis.port
    return (
      (named && (await askRedis(redis.port, (each) => each.info('replication'))).includes('role:master')) || undefined
    )
  })
}

/** Starts a master that died, and waits until it follows the new one. */
async function rejoined(redis: LocalRedis): Promise<true> {
  await redis.server.start()
  return eventually(async () => {
    // The sentinels demote it by then, which cuts the connections that it has.
    const info = await askRedis(redis.port, (each) => each.info('replication')).catch(() => '')
    return info.includes('master_link_status:up') || undefined
  })
}

test('jobwarden redis check looks at the master that the sentinels name', async () => {
  const config = loadConfig(bench().stack.env({ ...place, ...loginOf('admin') }))
  const [inspected, ...others] = await inspectRedis(redisOptions(config), PREFIX)
  expect(others).toEqual([])
  const findings = new Map(inspected?.findings.map(({ what, ...found }) => [what, found]))
  expect(findings.get('role')).toEqual({ state: 'master', losesCommands: 'no' })
  expect(findings.get('replicas')?.state).toBe('1, min-replicas-to-write 0')
  expect([...findings.values()].filter(({ losesCommands }) => losesCommands === 'yes')).toEqual([])
})

test('after the master is killed, the same ids again bring every command to one outcome', async ({ annotate }) => {
  const { stack, startAuditor, startAuthorizer, enqueue, expectOrder } = bench()
  const workload = await seedWorkload(stack.owner, 160)
  await Promise.all([startAuditor().writes('auditing'), startAuthorizer().writes('authorizing')])
  const { master, replica } = await roles()
  const { acknowledged, failedCalls } = await enqueueInCalls(bench(), workload, (call) =>
    call === 60 ? master.server.kill('SIGKILL') : undefined,
  )
  expect(await promoted(replica)).toBe(true)
  const lost = await lostCommands(bench(), acknowledged)
  const [repeated, pause] = await Promise.all([repeatedDeliveries(bench(), workload), longestPauseMs(stack.owner)])

  await enqueue(workload)
  await expectOrder(workload)
  const facts = [`acknowledged ${acknowledged.length}`, `lost ${lost.length}`, `failed calls ${failedCalls}`]
  await annotate([...facts, `repeated ${repeated}`, `longest pause ${pause} ms`].join(', '))
  await rejoined(master)
}, 180_000)

test('what no replica has is lost although it was acknowledged, and WAIT tells the producer', async ({ annotate }) => {
  const { stack, queue, startAuditor, startAuthorizer, enqueue, expectOrder } = bench()
  const { master, replica } = await roles()
  const config = loadConfig(stack.env({ ...place, ...loginOf('producer'), JOBWARDEN_REDIS_CONFIRM_REPLICAS: '1' }))
  const confirming = await openProducer(config, { lifetimeMs: 600_000, tracing: false })
  const [safe, unseen, unconfirmed] = [
    await seedWorkload(stack.owner, 10),
    await seedWorkload(stack.owner, 10),
    await seedWorkload(stack.owner, 10),
  ]
  expect((await confirming.producer.enqueue(safe.commands)).enqueued).toHaveLength(safe.commands.length)

  await askRedis(replica.port, (redis) => redis.config('SET', 'masterauth', 'no longer this'))
  await askRedis(master.port, (redis) => redis.call('client', 'kill', 'type', 'replica'))
  expect((await queue.producer.enqueue(unseen.commands)).enqueued).toHaveLength(unseen.commands.length)
  await expect(confirming.producer.enqueue(unconfirmed.commands)).rejects.toThrow(
    /^JW_QUEUE_UNCONFIRMED: .* 0 of 1 replicas have them after 1000 ms$/,
  )
  await master.server.kill('SIGKILL')
  await promoted(replica)

  await Promise.all([startAuditor().writes('auditing'), startAuthorizer().writes('authorizing')])
  const all = joined(safe, unseen, unconfirmed)
  const lost = await lostCommands(bench(), [...all.expected.keys()])
  expect(new Set(lost)).toEqual(new Set([...unseen.expected.keys(), ...unconfirmed.expected.keys()]))
  await enqueue(all)
  await expectOrder(all)
  expect((await recordedOutcomes(stack.owner, lost)).size).toBe(lost.length)
  await annotate(`of ${all.commands.length} commands ${lost.length} were lost, ${unseen.commands.length} unnoticed`)
  await rejoined(master)
  await confirming.close()
}, 180_000)
