import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { onFreePort } from '../../devkit/free-port.ts'
import { type ServerProcess, startServer } from '../../devkit/server-process.ts'
import { type LocalRedis, startRedis } from '../../devkit/start-redis.ts'
import { tcpExchange } from '../../devkit/tcp-exchange.ts'
import type { Workspace } from '../../devkit/workspace.ts'
import { askRedis } from './ask-redis.ts'
import { eventually } from './ledger.ts'
import { REPLICA_LOGIN, passwordOf, writeUsers } from './redis-users.ts'

/** The name under which the sentinels of tests know their master, and the password of the sentinels themselves. */
export const MASTER_NAME = 'queues'
export const SENTINEL_PASSWORD = 'password-of-sentinels-in-tests'

/** How long a master may be silent before the sentinels elect its replica. */
const DOWN_AFTER_MS = 1_000

export type LocalSentinels = {
  readonly master: LocalRedis
  readonly replica: LocalRedis
  /** The value of JOBWARDEN_REDIS_SENTINELS. */
  readonly addresses: string
  /** The port of the master that the sentinels name now. */
  masterPort(): Promise<number>
}

/** Starts a master and a replica with append-only files and the users of jobwarden, and three sentinels over them. */
export async function startRedisSentinels(workspace: Workspace, prefix: string): Promise<LocalSentinels> {
  const aclFile = await writeUsers(workspace, { prefix, topology: 'sentinel' })
  const start = (...extraArgs: string[]) =>
    startRedis({ workspace, appendonly: true, aclFile, extraArgs: [...REPLICA_LOGIN, ...extraArgs] })
  const master = await start()
  const replica = await start('--replicaof', `127.0.0.1 ${master.port}`)
  const sentinels = await Promise.all([1, 2, 3].map(() => startSentinel(workspace, master.port)))
  const askSentinel = (...command: readonly string[]) =>
    askRedis(sentinels[0]?.port ?? 0, (redis) => redis.call('sentinel', ...command), { password: SENTINEL_PASSWORD })
  await eventually(async () => {
    const link = await askRedis(replica.port, (redis) => redis.info('replication'))
    const quorum = await askSentinel('ckquorum', MASTER_NAME).catch((error: unknown) => error) // NOQUORUM at first
    const replicas = JSON.stringify(await askSentinel('replicas', MASTER_NAME))
    const known = String(quorum).includes('3 usable Sentinels') && replicas.includes(`"${replica.port}"`)
    return (known && link.includes('master_link_status:up')) || undefined
  })
  return {
    master,
    replica,
    addresses: sentinels.map(({ port }) => `127.0.0.1:${port}`).join(','),
    masterPort: async () => {
      const address = await askSentinel('get-master-addr-by-name', MASTER_NAME)
      return Array.isArray(address) ? Number(address[1]) : Number.NaN
    },
  }
}

async function startSentinel(workspace: Workspace, master: number): Promise<{ port: number; server: ServerProcess }> {
  const cwd = await workspace.folder('sentinel')
  return onFreePort(async (port) => {
    const file = join(cwd, 'sentinel.conf')
    await writeFile(
      file,
      [
        `port ${port}`,
        'bind 127.0.0.1',
        `requirepass ${SENTINEL_PASSWORD}`,
        `sentinel sentinel-pass ${SENTINEL_PASSWORD}`,
        `sentinel monitor ${MASTER_NAME} 127.0.0.1 ${master} 2`,
        `sentinel auth-user ${MASTER_NAME} sentinel`,
        `sentinel auth-pass ${MASTER_NAME} ${passwordOf('sentinel')}`,
        `sentinel down-after-milliseconds ${MASTER_NAME} ${DOWN_AFTER_MS}`,
        `sentinel failover-timeout ${MASTER_NAME} 6000`,
        '',
      ].join('\n'),
    )
    const server = await startServer({
      name: 'redis-sentinel',
      file: 'redis-server',
      args: [file, '--sentinel'],
      cwd,
      isReady: async (signal) => /^(\+PONG|-NOAUTH)/.test(await tcpExchange(port, 'PING\r\n', signal)),
    })
    workspace.defer(() => server.stop())
    return { port, server }
  })
}
