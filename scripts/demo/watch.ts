import { setTimeout as delay } from 'node:timers/promises'
import type { Database } from '../../src/storage/database.ts'
import { sql } from 'kysely'
import { Outcome, reasonsOf } from '../../src/domain/outcome.ts'
import { printable } from '../../src/domain/printable.ts'
import type { DemoStack } from './demo-stack.ts'

/** Prints every outcome that the ledger records from now on, until the process is told to stop. */
export async function watch({ config, database, keysFile }: DemoStack, say: (line: string) => void): Promise<void> {
  say('')
  say('Everything stays up until Ctrl-C. From another terminal:')
  say(`  export JOBWARDEN_REDIS_URL=${shownUrl(config.redisUrl)} JOBWARDEN_QUEUE_PREFIX=${config.queuePrefix} \\`)
  say(`         JOBWARDEN_PRODUCER_KEYS_FILE=${keysFile}`)
  say('  npx jobwarden enqueue --user user_456 --role user --action read --id resource_1')
  say(
    config.databaseUrl === undefined
      ? 'The embedded database belongs to this process; outcomes and denials are printed here:'
      : 'With JOBWARDEN_DATABASE_URL set there, `npx jobwarden denials` lists the trail. Outcomes as they are recorded:',
  )
  const stopped = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopped.abort())
  let seen = new Date()
  while (!stopped.signal.aborted) {
    seen = await printSince(database, seen, say)
    await delay(250, undefined, { signal: stopped.signal }).catch(() => undefined) // The abort ends the loop.
  }
}

/** A URL with a login must not be on a screen; whoever set it knows it. */
function shownUrl(url: string): string {
  const { username, password } = new URL(url)
  return username === '' && password === '' ? url : '<as it is set here>'
}

async function printSince(database: Database, since: Date, say: (line: string) => void): Promise<Date> {
  const { rows } = await sql<{
    id: string
    user_id: string
    action: string
    resource: string
    detail: unknown
    recorded_at: Date
  }>`
    select id, user_id, action, resource_type || coalesce('/' || resource_id, '') as resource, detail, recorded_at
      from ledger.commands where recorded_at > ${since} order by recorded_at`.execute(database)
  for (const { id, user_id: user, action, resource, detail } of rows) {
    const outcome = Outcome.parse(detail)
    const codes = reasonsOf(outcome).map(({ code }) => code)
    const why = codes.length > 0 ? ` (${codes.join(', ')})` : ''
    say(printable(`  ${user} ${action} ${resource}: ${outcome.outcome}${why}  [${id}]`))
  }
  return rows.at(-1)?.recorded_at ?? since
}
