import { hash } from 'node:crypto'
import { sql } from 'kysely'
import { type Command, isById } from '../../src/domain/command.ts'
import type { Database } from '../../src/storage/database.ts'
import { type Workload, documentsOf } from './workload.ts'

/**
 * JSON for the queries. `commands`: of each its id, the documents it names, and for one on a single document the digests
 * of the input that the policies must have allowed, by the producer that signed it. `documents`: ids of what was there at the start.
 */
type Given = { readonly commands: string; readonly documents: string }

/**
 * What the database must say once everything has ended. Each query finds what breaks an invariant of docs/architecture.md;
 * none believes a constraint of the schema.
 */
const CHECKS = {
  'I1 one outcome a command': ({ commands }: Given) => sql<{ what: string }>`
    select c.id || ' has ' || count(l.id) || ' outcomes' as what
      from jsonb_to_recordset(${commands}::jsonb) as c(id text) left join ledger.commands l on l.id = c.id
     group by c.id having count(l.id) <> 1`,

  'I2 no effect without an allow of the same input': ({ commands }: Given) => sql<{ what: string }>`
    select l.id || ' was ' || l.outcome || ' on the input ' || coalesce(l.input_digest, 'of nobody') as what
      from ledger.commands l left join jsonb_to_recordset(${commands}::jsonb) as c(id text, digests jsonb) on c.id = l.id
     where (l.effect or l.outcome = 'executed')
       and (l.outcome <> 'executed' or l.policy_revision is null or l.input_digest is null
            or l.input_digest <> coalesce(c.digests ->> l.producer, l.input_digest))`,

  'I3 one effect a command': ({ commands, documents }: Given) => sql<{ what: string }>`
    with start as (select id from jsonb_array_elements_text(${documents}::jsonb) id),
    effect as (
      select document as id, l.action
        from jsonb_to_recordset(${commands}::jsonb) as c(id text, documents jsonb)
        join ledger.commands l on l.id = c.id and l.effect, jsonb_array_elements_text(c.documents) document
    ), recorded as (
      select s.id, count(*) filter (where e.action = 'update') as updates,
             count(*) filter (where e.action = 'delete') as deletes
        from start s left join effect e on e.id = s.id group by s.id
    )
    select r.id || ' is at version ' || coalesce(d.version::text, 'none') || ' after ' || r.updates || ' updates and '
           || r.deletes || ' deletes' as what
      from recorded r left join resources.documents d on d.id = r.id
     where case when d.id is null then r.deletes <> 1 else r.deletes <> 0 or d.version <> 1 + r.updates end
    union all
    select d.id || ' was not there at the start' from resources.documents d where d.id not in (select id from start)`,

  'I4 no command lost or invented': ({ commands }: Given) => sql<{ what: string }>`
    select coalesce(c.id || ' is lost', l.id || ' is invented') as what
      from jsonb_to_recordset(${commands}::jsonb) as c(id text) full join ledger.commands l on l.id = c.id
     where c.id is null or l.id is null`,

  'I6 every denial in the trail once': () => sql<{ what: string }>`
    with pair as (
      select d.id as denial, a.id as record, a.seq
        from ledger.denials d
        full join audit.denials a on a.id = d.id and a.outcome = d.outcome and a.reasons = d.reasons
             and a.user_id is not distinct from d.user_id and a.input_digest is not distinct from d.input_digest
    )
    select denial || ' has ' || count(seq) || ' records' as what from pair
     where denial is not null group by denial having count(seq) <> 1
    union all
    select record || ' is the record of no denial' from pair where denial is null`,
} as const

export type Invariant = keyof typeof CHECKS

/** Checks the invariants on a database where `workload` has come to its end; returns what breaks them, in words. */
export async function brokenInvariants(
  owner: Database,
  { commands, documents }: Pick<Workload, 'commands' | 'documents'>,
): Promise<Partial<Record<Invariant, string[]>>> {
  const { rows: producers } = await sql<{
    name: string
  }>`select distinct producer as name from ledger.commands`.execute(owner)
  const digestsOf = (command: Command) =>
    Object.fromEntries(producers.map(({ name }) => [name, inputDigest(command, name)]))
  const given = {
    commands: JSON.stringify(
      commands.map((command) => ({ id: command.id, documents: documentsOf(command), digests: digestsOf(command) })),
    ),
    documents: JSON.stringify(documents),
  }
  const broken: Partial<Record<Invariant, string[]>> = {}
  for (const [invariant, check] of Object.entries(CHECKS)) {
    const { rows } = await check(given).execute(owner)
    if (rows.length > 0) Object.assign(broken, { [invariant]: rows.map(({ what }) => what) })
  }
  return broken
}

/** The digest of the policy input, put together anew: all documents of a workload are the same to policies. */
function inputDigest({ user, action, resource }: Command, producer: string): string | undefined {
  if (!isById(resource)) return undefined
  const attributes = { owner: 'user_123', department: 'engineering' }
  const request = { user, action, producer, resource: { ...attributes, type: resource.type, id: resource.id } }
  return hash('sha256', JSON.stringify(request))
}
