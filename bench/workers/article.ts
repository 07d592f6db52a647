// The rows "article": a worker written like the article's app. For each job it reads the resource, asks OPA for
// `authz/allow` with the ordinary HTTP client of the language on a new connection, as the article's `requests.post` does,
// and acts. It is kinder than the article: the resource needs one query and not one for each attribute, and nothing is
// logged. The row "article, kept alive" is even kinder: it keeps its connections to OPA.
import { Pool as PgPool } from 'pg'
import { z } from 'zod'
import { loadConfig } from '../../src/config/load-config.ts'
import type { Config } from '../../src/config/settings.ts'
import { Command, isById } from '../../src/domain/command.ts'
import type { Running } from '../../src/process/run-process.ts'
import { startBareWorker } from './bare-worker.ts'
import { type Meter, runMeasured } from './run-measured.ts'
import { KEEP_ALIVE } from './worker-report.ts'

const Payload = z.strictObject({ queue: z.string(), command: Command })
const Resource = z.object({ id: z.string(), owner: z.string(), department: z.string() }).loose()
type Resource = z.infer<typeof Resource>

/** The article's OPAClient: one POST for each query, and any result but true means no. */
class ArticleOpa {
  readonly #url: string
  readonly #headers: Readonly<Record<string, string>>

  constructor(url: string, keepAlive: boolean) {
    this.#url = url
    this.#headers = { 'content-type': 'application/json', ...(!keepAlive && { connection: 'close' }) }
  }

  async checkPermission(policyPath: string, input: unknown): Promise<boolean> {
    const response = await fetch(`${this.#url}/v1/data/${policyPath}`, {
      method: 'POST',
      headers: this.#headers,
      body: JSON.stringify({ input }),
    })
    if (!response.ok) throw new Error(`OPA answered ${response.status}`)
    const { result } = z.object({ result: z.unknown() }).parse(await response.json())
    return result === true
  }
}

class ArticleApp {
  readonly #database: PgPool
  readonly #opa: ArticleOpa

  constructor({ databaseUrl, opaUrl }: Config, keepAlive: boolean) {
    this.#database = new PgPool({ connectionString: databaseUrl })
    this.#opa = new ArticleOpa(opaUrl, keepAlive)
  }

  /** One request of the article's app: the resource, the permission, the effect. */
  async handle(command: Command): Promise<unknown> {
    const { user, action, resource } = command
    if (!isById(resource)) throw new Error('Resource ID required')
    const found = await this.#find(resource.id)
    const { id, owner, department } = found ?? { id: resource.id, owner: 'unknown', department: 'unknown' }
    if (!(await this.#opa.checkPermission('authz/allow', { user, action, resource: { id, owner, department } })))
      return undefined
    switch (command.action) {
      case 'read':
        return found
      case 'update':
        await this.#database.query('update resources.documents set name = $2, version = version + 1 where id = $1', [
          resource.id,
          command.patch['name'],
        ])
        return { message: 'Resource updated successfully', resource_id: resource.id, updated_by: user.id }
      case 'delete':
        await this.#database.query('delete from resources.documents where id = $1', [resource.id])
        return { message: 'Resource deleted successfully', resource_id: resource.id }
      default:
        return command satisfies never
    }
  }

  close(): Promise<void> {
    return this.#database.end()
  }

  async #find(id: string): Promise<Resource | undefined> {
    const text = 'select id, name, owner, department, data from resources.documents where id = $1'
    const { rows } = await this.#database.query(text, [id])
    return z.array(Resource).parse(rows)[0]
  }
}

function startArticle(config: Config, meter: Meter): Running {
  const app = new ArticleApp(config, process.env[KEEP_ALIVE] !== undefined)
  const worker = startBareWorker(config, async ({ data }) => {
    meter.taken()
    const done = await app.handle(Payload.parse(data).command)
    if (done === undefined) meter.denied()
    return done ?? { error: 'Forbidden', message: "You don't have permission to perform this action" }
  })
  return {
    close: async () => {
      await worker.close()
      await app.close()
    },
  }
}

await runMeasured((meter) => Promise.resolve(startArticle(loadConfig(process.env), meter)))
