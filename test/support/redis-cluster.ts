import { freePort } from '../../devkit/free-port.ts'
import { runProgram } from '../../src/process/run-program.ts'
import { type LocalRedis, startRedis } from '../../devkit/start-redis.ts'
import type { Workspace } from '../../devkit/workspace.ts'
import { askRedis } from './ask-redis.ts'
import { eventually } from './ledger.ts'
import { REPLICA_LOGIN, passwordOf, writeUsers } from './redis-users.ts'

/** How long a node may be silent before the others elect a replica of it. */
const NODE_TIMEOUT_MS = 2_000

export type LocalCluster = {
  readonly nodes: readonly LocalRedis[]
  /** The value of JOBWARDEN_REDIS_CLUSTER: three of the six. */
  readonly addresses: string
  /** The node that has the queues now: all of their keys are in one slot. */
  queueMaster(): Promise<LocalRedis>
}

/** Starts three masters with a replica each, all with an append-only file and the users of jobwarden. */
export async function startRedisCluster(workspace: Workspace, prefix: string): Promise<LocalCluster> {
  const aclFile = await writeUsers(workspace, { prefix, topology: 'cluster' })
  const nodes = await Promise.all(
    Array.from({ length: 6 }, async () => {
      const bus = ['--cluster-enabled', 'yes', '--cluster-port', String(await freePort())]
      const extraArgs = [...bus, '--cluster-node-timeout', String(NODE_TIMEOUT_MS), ...REPLICA_LOGIN]
      return startRedis({ workspace, appendonly: true, aclFile, extraArgs })
    }),
  )
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`)
  const login = ['--user', 'admin', '--pass', passwordOf('admin'), '--no-auth-warning']
  const create = ['--cluster', 'create', ...addresses, '--cluster-replicas', '1', '--cluster-yes']
  await runProgram('redis-cli', [...login, ...create])
  await eventually(async () => ((await Promise.all(nodes.map(isSettled))).every(Boolean) ? true : undefined))
  const queueMaster = () =>
    eventually(async () => {
      const states = await Promise.all(nodes.map(async (node) => ({ node, ...(await stateOf(node)) })))
      return states.find(({ info, keys }) => info.includes('role:master') && keys > 0)?.node
    })
  return { nodes, addresses: addresses.slice(0, 3).join(','), queueMaster }
}

/** A master has its replica, a replica has its master, and both see the whole cluster. */
async function isSettled(node: LocalRedis): Promise<boolean> {
  const { info, cluster } = await stateOf(node)
  const paired = info.includes('role:master') ? 'state=online' : 'master_link_status:up'
  return cluster.includes('cluster_state:ok') && cluster.includes('cluster_known_nodes:6') && info.includes(paired)
}

async function stateOf({ port, server }: LocalRedis): Promise<{ info: string; cluster: string; keys: number }> {
  if (server.pid === undefined) return { info: '', cluster: '', keys: 0 }
  return askRedis(port, async (redis) => {
    const [info, cluster] = await Promise.all([redis.info('replication'), redis.call('cluster', 'info')])
    return { info, cluster: String(cluster), keys: await redis.dbsize() }
  })
}
