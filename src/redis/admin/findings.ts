import { loadsAsDefaultUser } from '../default-user.ts'
import type { RedisInfo } from '../ask-server.ts'

/** What one server reported. A member is undefined when this user may not see it. */
export type RedisLook = {
  readonly info: RedisInfo
  readonly appendfsync: string | undefined
  readonly minReplicas: string | undefined
  /** Commands of the queues that the default user may not run. */
  readonly refusedToDefault: readonly string[] | undefined
  /** How many commands of its own file it has dropped since it started. */
  readonly dropped: number | undefined
  /** Whether a replica is expected here, as in a Cluster. */
  readonly mayBeReplica: boolean
}

/**
 * `yes`: Redis would lose commands that it has acknowledged, or has lost some. `info`: it keeps them, and an operator
 * should know. `unseen`: this user may not look.
 */
export type Verdict = 'no' | 'yes' | 'info' | 'unseen'

export type Finding = {
  readonly what: string
  readonly state: string
  readonly losesCommands: Verdict
  readonly remedy?: string
}

/** What the report means for commands, with a remedy wherever there is something to do. */
export function findingsOf(look: RedisLook): readonly Finding[] {
  return CHECKS.flatMap(([what, check]) => {
    const found = check(look)
    return found === undefined ? [] : [{ what, ...found }]
  })
}

type Found = Omit<Finding, 'what'>
type Check = (look: RedisLook) => Found | undefined

const no = (state: string): Found => ({ state, losesCommands: 'no' })
const yes = (state: string, remedy: string): Found => ({ state, losesCommands: 'yes', remedy })
const info = (state: string, remedy?: string): Found => ({
  state,
  losesCommands: 'info',
  ...(remedy !== undefined && { remedy }),
})
const unseen = (command: string): Found => ({
  state: `this user may not call ${command}`,
  losesCommands: 'unseen',
  remedy: 'run the check as a user who may, such as admin',
})

const hasFile = ({ info: said }: RedisLook) => said.get('aof_enabled') === '1'

const CHECKS: readonly (readonly [what: string, check: Check])[] = [
  [
    'version',
    ({ info: said }) => {
      const valkey = said.get('valkey_version')
      return info(valkey === undefined ? `Redis ${said.get('redis_version') ?? 'unknown'}` : `Valkey ${valkey}`)
    },
  ],
  [
    'role',
    ({ info: said, mayBeReplica }) => {
      if (said.get('role') !== 'slave') return no('master')
      return mayBeReplica
        ? no('replica')
        : yes('replica: it accepts no commands', 'name its master in JOBWARDEN_REDIS_*')
    },
  ],
  [
    'append-only file',
    ({ info: said }) => {
      const enabled = said.get('aof_enabled')
      if (enabled === undefined) return unseen('INFO persistence')
      if (enabled === '1') return no('on')
      return yes(
        'off: after a restart there is the last snapshot, or nothing',
        'CONFIG SET appendonly yes, and `appendonly yes` in redis.conf',
      )
    },
  ],
  ['appendfsync', (look) => (hasFile(look) ? fsync(look) : undefined)],
  ['last write to the file', (look) => (hasFile(look) ? lastWrite(look) : undefined)],
  [
    'last rewrite of the file',
    ({ info: said }) =>
      said.get('aof_last_bgrewrite_status') === 'err'
        ? info('failed: the file grows until one succeeds', 'give Redis memory and disk for a copy; its log says why')
        : undefined,
  ],
  [
    'last snapshot',
    ({ info: said }) =>
      said.get('rdb_last_bgsave_status') === 'err'
        ? info(
            'failed: if there are save points, Redis accepts no commands until one succeeds',
            'free space on its disk, or set `save ""`: the append-only file is enough',
          )
        : undefined,
  ],
  [
    'maxmemory-policy',
    ({ info: said }) => {
      const policy = said.get('maxmemory_policy')
      if (policy === undefined) return unseen('INFO memory')
      if (policy === 'noeviction') return no(policy)
      return yes(
        `${policy}: it removes jobs when it is full`,
        'CONFIG SET maxmemory-policy noeviction, and in redis.conf',
      )
    },
  ],
  ['memory', memory],
  ['rights of the default user', defaultUser],
  [
    'last start',
    (look) => {
      if (!hasFile(look) || !loadsAsDefaultUser(look.info)) return undefined
      if (look.dropped === undefined) return unseen('ACL LOG')
      if (look.dropped === 0) return no('dropped no commands of its file, as far as ACL LOG goes back')
      return yes(
        `dropped ${look.dropped} commands of its own file, or more`,
        'docs/runbook.md, "An old ACL file empties the queues"',
      )
    },
  ],
  [
    'replicas',
    ({ info: said, minReplicas }) =>
      said.get('role') === 'slave'
        ? undefined
        : info(`${said.get('connected_slaves') ?? 'unknown'}, min-replicas-to-write ${minReplicas ?? 'not seen'}`),
  ],
]

function fsync({ appendfsync }: RedisLook): Found {
  switch (appendfsync) {
    case undefined:
      return unseen('CONFIG GET')
    case 'always':
      return no(appendfsync)
    case 'no':
      return yes(
        'no: a machine that dies loses what its kernel has not written, up to half a minute',
        'CONFIG SET appendfsync everysec, and in redis.conf',
      )
    default:
      return info(
        `${appendfsync}: a machine that dies loses about a second`,
        '`always` loses nothing, at half the speed',
      )
  }
}

function lastWrite({ info: said }: RedisLook): Found {
  if (said.get('aof_last_write_status') !== 'ok')
    return yes(
      'failed: what Redis acknowledged last is only in memory',
      'free space on the disk of Redis before Redis ends; its log says why',
    )
  const delayed = Number(said.get('aof_delayed_fsync') ?? 0)
  return delayed === 0
    ? no('succeeded')
    : info(`succeeded, but ${delayed} waited for the disk`, 'give Redis a faster disk, or its own disk')
}

/** The share of maxmemory above which operators are warned. */
const NEARLY_FULL = 0.8

function memory({ info: said }: RedisLook): Found {
  const [used, limit] = ['used_memory', 'maxmemory'].map((name) => Number(said.get(name) ?? 0))
  if (used === undefined || limit === undefined || limit === 0)
    return info(
      'no limit: a machine that runs out of memory kills Redis',
      'set maxmemory below the memory of the machine; Redis then refuses commands in time',
    )
  const state = `${Math.round((100 * used) / limit)} % of maxmemory`
  return used / limit < NEARLY_FULL
    ? no(state)
    : info(state, 'raise maxmemory: when it is reached, no job is added or taken')
}

function defaultUser({ info: said, refusedToDefault: refused }: RedisLook): Found {
  if (!loadsAsDefaultUser(said)) return no('without effect: since 8.6 Redis loads its file whatever they are')
  if (refused === undefined) return unseen('ACL DRYRUN')
  if (refused.length === 0) return no('enough to load the append-only file')
  return yes(
    `lack ${refused.slice(0, 3).join(', ')}${refused.length > 3 ? ` and ${refused.length - 3} more` : ''}: a restart empties the queues`,
    'docs/runbook.md, "An old ACL file empties the queues", before the next restart',
  )
}
