import { Redis } from 'ioredis'
import { sql } from 'kysely'
import { AUDIT_QUEUE, COMMAND_QUEUE } from '../../src/redis/queue-names.ts'
import { type Database, openPostgres } from '../../src/storage/database.ts'
import { ComposeProject } from './compose-project.ts'
import { eventually } from './ledger.ts'

const QUEUE = `jobwarden:${COMMAND_QUEUE}`
const WITHIN_MS = 90_000

type Connections = { readonly owner: Database; readonly redis: Redis; close(): Promise<void> }

type Secrets = { readonly ownerUrl: string; readonly readerPassword: string }

async function connect(compose: ComposeProject, { ownerUrl, readerPassword: password }: Secrets): Promise<Connections> {
  const url = new URL(ownerUrl)
  url.hostname = await compose.address('postgres')
  const host = await compose.address('redis')
  const owner = openPostgres({ url: url.href, maxConnections: 1, timeoutMs: 30_000, onError: () => undefined })
  const redis = new Redis({ host, username: 'reader', password })
  redis.on('error', () => undefined) // The calls reject, or wait for it.
  const close = async () => {
    redis.disconnect()
    await owner.destroy()
  }
  return { owner, redis, close }
}

/** The Compose stack as a test sees it: PostgreSQL as its owner, Redis as its reader, everything else by Compose. */
export class DeployedStack {
  readonly compose: ComposeProject
  readonly #secrets: Secrets
  #connections: Connections

  private constructor(compose: ComposeProject, secrets: Secrets, connections: Connections) {
    this.compose = compose
    this.#secrets = secrets
    this.#connections = connections
  }

  /** @param overrides Compose files that change docker-compose.yml for a test */
  static async up(overrides: readonly string[] = []): Promise<DeployedStack> {
    const compose = await ComposeProject.up(overrides)
    try {
      const ownerUrl = await compose.secret('owner-database-url')
      const secrets = { ownerUrl, readerPassword: await compose.secret('redis/reader.password') }
      return new DeployedStack(compose, secrets, await connect(compose, secrets))
    } catch (error) {
      await compose.down()
      throw error
    }
  }

  /** Takes everything down. @throws Error when something of it is left */
  async down(): Promise<void> {
    await this.#connections.close()
    await this.compose.down()
    const left = await this.compose.leftovers()
    if (left.length > 0) throw new Error(`the stack left behind: ${left.join(', ')}`)
  }

  /** Connects anew: a server that was started again may have another address. */
  async reconnect(): Promise<void> {
    await this.#connections.close()
    this.#connections = await connect(this.compose, this.#secrets)
  }

  /** The database as its owner sees it, until the next `reconnect`. */
  get owner(): Database {
    return this.#connections.owner
  }

  /** Enqueues reads by somebody who owns nothing, with the ids `<run>-1` and so on: each will be denied. */
  async enqueueDenied(count: number, run: string): Promise<void> {
    const resource = { type: 'document', id: 'resource_1' }
    const command = JSON.stringify({ id: `${run}-&`, user: { id: 'stranger', role: 'user' }, action: 'read', resource })
    const pipe = `seq 1 ${count} | sed 's/.*/${command}/' | node cli/jobwarden.ts enqueue 2>&1`
    const said = await this.compose.run('console', ['-c', pipe], ['--entrypoint', 'sh'])
    if (!said.includes(`${count} enqueued, 0 rejected`)) throw new Error(`jobwarden enqueue said: ${said}`)
  }

  /** How many commands of a run have an outcome. */
  async outcomes(run: string): Promise<number> {
    const { rows } = await sql<{ count: number }>`
      select count(*)::int as count from ledger.commands where id like ${`${run}-%`}`.execute(this.owner)
    return rows[0]?.count ?? 0
  }

  /** Resolves once as many commands of a run have an outcome. */
  async settled(run: string, count: number): Promise<void> {
    await eventually(async () => (await this.outcomes(run)) >= count || undefined, WITHIN_MS)
  }

  /** How many records of a run the trail has. */
  async records(run: string): Promise<number> {
    const { rows } = await sql<{ count: number }>`
      select count(*)::int as count from audit.records where id like ${`${run}-%`}`.execute(this.owner)
    return rows[0]?.count ?? 0
  }

  /** Which revision gave which reason to a run's denials, in the order of their first decisions. */
  async reasonsByRevision(run: string): Promise<readonly { revision: string; reason: string }[]> {
    const { rows } = await sql<{ revision: string; reason: string }>`
      select policy_revision as revision, detail->'reasons'->0->>'message' as reason from ledger.commands
       where id like ${`${run}-%`} group by 1, 2 order by min(recorded_at)`.execute(this.owner)
    return rows
  }

  /** Every secret that `setup` made: passwords, tokens and the private parts of keys. */
  async secrets(): Promise<readonly { file: string; secret: string }[]> {
    const files =
      '/secrets/*token /secrets/*password /secrets/redis/* /secrets/bundle-key.pem /secrets/producer-keys.json'
    const listed = await this.compose.run('console', ['-c', `grep -H . ${files}`], ['--entrypoint', 'sh'])
    return listed.split('\n').flatMap((line) => {
      const [, file = '', text = ''] = /^([^:]+):(.*)$/.exec(line) ?? []
      return [...text.matchAll(/[\w+/-]{30,}/g)].map(([secret]) => ({ file, secret }))
    })
  }

  /** How many jobs of both queues wait, are under way or are delayed. */
  async underWay(): Promise<number> {
    const { redis } = this.#connections
    const counts = await Promise.all(
      [COMMAND_QUEUE, AUDIT_QUEUE].flatMap((name) => [
        redis.llen(`jobwarden:${name}:wait`),
        redis.llen(`jobwarden:${name}:active`),
        redis.zcard(`jobwarden:${name}:delayed`),
      ]),
    )
    return counts.reduce((sum, count) => sum + count, 0)
  }

  /** How many jobs wait for a worker. */
  waiting(): Promise<number> {
    return this.#connections.redis.llen(`${QUEUE}:wait`)
  }

  /** How many attempts a job has taken. */
  async attemptsOf(id: string): Promise<number> {
    return Number(await this.#connections.redis.hget(`${QUEUE}:${id}`, 'atm'))
  }

  async workerIsReady(): Promise<boolean> {
    const asking = this.compose.exec('authorizer', 'node', 'workers/healthcheck.ts', 'http://127.0.0.1:8080/readyz')
    return asking.then(
      () => true,
      () => false,
    )
  }
}
