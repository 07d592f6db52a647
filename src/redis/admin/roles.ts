import { AUDIT_QUEUE, COMMAND_QUEUE } from '../queue-names.ts'

/** How Redis is deployed decides which further commands clients call, and which servers log in. */
export const TOPOLOGIES = ['single', 'sentinel', 'cluster'] as const
export type Topology = (typeof TOPOLOGIES)[number]

/** Commands that may be called on the keys of some queues. */
export type Grant = { readonly commands: readonly string[]; readonly queues: readonly string[] }

/** A user of Redis. The first grant is the user's own; Redis keeps each further one apart, so that none widens another. */
export type RedisRole = { readonly name: string; readonly may: string; readonly grants: readonly Grant[] }

const words = (text: string) => text.trim().split(/\s+/)

/** Commands that every client calls: BullMQ and `requireFitRedis` call INFO. */
const CONNECT = words('ping info select client|setname')

/** Commands of BullMQ's `addStandardJob`, for a job without parent and deduplication, and of its queue's constructor. */
const ADD = words('eval evalsha exists hget hset hmget hmset incr llen lpush xadd zadd')

/** Commands that take, settle, delay and retry jobs and find stalled ones, whatever the hash of a job says. */
const CONSUME = words(`
  bzpopmin eval evalsha
  del exists get set incr pexpire pttl
  hdel hexists hget hgetall hincrby hmget hmset hset
  llen lpush lrange lrem ltrim rpoplpush rpush
  sadd scard smembers srem
  xadd xtrim
  zadd zcard zpopmin zrange zrangebyscore zrem zremrangebyrank zremrangebyscore zrevrange zrevrangebyscore zscore`)

/** Further commands that list jobs. */
const LIST_JOBS = words('lindex rpop')

/** Commands that read counts, jobs, logs and metrics. Scripts run, and fail at the first command that writes. */
const LOOK = words(`
  eval evalsha multi exec client|list
  exists get type hexists hget hgetall hlen hmget
  lindex llen lpos lrange scard smembers zcard zcount zrange zrevrange zscore`)

/** The users of the queues. A role with rights to a queue's keys has them to every job in it, so commands are signed. */
export const REDIS_ROLES: readonly RedisRole[] = [
  {
    name: 'producer',
    may: 'add commands',
    grants: [{ commands: [...CONNECT, ...ADD, 'wait'], queues: [COMMAND_QUEUE] }],
  },
  {
    name: 'worker',
    may: 'take and settle commands, add denials',
    grants: [
      { commands: [...CONNECT, ...CONSUME, ...LIST_JOBS], queues: [COMMAND_QUEUE] },
      { commands: ADD, queues: [AUDIT_QUEUE] },
    ],
  },
  {
    name: 'auditor',
    may: 'take and settle denials, publish them again',
    grants: [{ commands: [...CONNECT, ...CONSUME], queues: [AUDIT_QUEUE] }],
  },
  {
    name: 'reader',
    may: 'look at both queues',
    grants: [{ commands: [...CONNECT, ...LOOK], queues: [COMMAND_QUEUE, AUDIT_QUEUE] }],
  },
]

/** Further commands that every client calls, because of how Redis is deployed. */
export const TOPOLOGY_COMMANDS = {
  single: [],
  sentinel: [],
  cluster: words('cluster|info cluster|slots asking readonly readwrite'),
} as const satisfies Record<Topology, readonly string[]>

/** The rights of servers that log in to Redis, as rules of an ACL file. */
export const SERVER_RULES: Readonly<Record<'replica' | 'sentinel', string>> = {
  replica: '+psync +replconf +ping',
  sentinel:
    'allchannels +multi +slaveof +ping +exec +subscribe +config|rewrite +role +publish +info +client|setname ' +
    '+client|kill +script|kill',
}

/** The servers that each topology needs. */
export const TOPOLOGY_SERVERS = {
  single: [],
  sentinel: ['replica', 'sentinel'],
  cluster: ['replica'],
} as const satisfies Record<Topology, readonly (keyof typeof SERVER_RULES)[]>
