import { sql } from 'kysely'
import { type Command, isById } from '../../src/domain/command.ts'
import type { OutcomeName } from '../../src/domain/outcome.ts'
import type { Database } from '../../src/storage/database.ts'
import { PEOPLE, aCommand } from './a-command.ts'

/** Commands on documents of their own, with the outcome that each must end in, whatever happens on the way. */
export type Workload = {
  readonly commands: readonly Command[]
  readonly expected: ReadonlyMap<string, OutcomeName>
  /** The documents that were there at the start, at version 1, all of user_123 and of engineering. */
  readonly documents: readonly string[]
}

type Item = { readonly command: Command; readonly outcome: OutcomeName }

const document = (id: string) => ({ type: 'document', id })

let rounds = 0

/**
 * Puts documents in place and makes 12 commands a round: on one document three updates, which raise its version by one
 * each, reads and denials; another one is deleted. Some commands are on collections, are expired, or ask for what does
 * not exist.
 */
export async function seedWorkload(owner: Database, size: number): Promise<Workload> {
  const documents: string[] = []
  const items: Item[] = []
  for (let round = 0; round < size; round += 1) {
    rounds += 1
    const [kept, deleted] = [`kept_${rounds}`, `deleted_${rounds}`]
    documents.push(kept, deleted)
    items.push(...roundOn(kept, deleted))
  }
  await sql`
    insert into resources.documents (id, name, owner, department, data)
    select id, 'as at the start', 'user_123', 'engineering', null
      from jsonb_array_elements_text(${JSON.stringify(documents)}::jsonb) id`.execute(owner)
  return {
    commands: items.map(({ command }) => command),
    expected: new Map(items.map(({ command, outcome }) => [command.id, outcome])),
    documents,
  }
}

function roundOn(kept: string, deleted: string): Item[] {
  const on = document(kept)
  const collection = { type: 'document', where: { id: kept } }
  return [
    { command: aCommand({ action: 'update', resource: on, patch: { name: 'once' } }), outcome: 'executed' },
    { command: aCommand({ resource: on }), outcome: 'executed' },
    { command: aCommand({ action: 'update', user: PEOPLE.user456, resource: on }), outcome: 'denied' },
    { command: aCommand({ action: 'delete', user: PEOPLE.guest, resource: on }), outcome: 'denied' },
    { command: aCommand({ action: 'update', resource: on, patch: { data: 'twice' } }), outcome: 'executed' },
    { command: aCommand({ action: 'delete', user: PEOPLE.admin, resource: document(deleted) }), outcome: 'executed' },
    { command: aCommand({ user: PEOPLE.salesManager, resource: on }), outcome: 'denied' },
    { command: aCommand({ user: PEOPLE.engineeringManager, resource: on }), outcome: 'executed' },
    { command: aCommand({ user: PEOPLE.admin, resource: document(`never_${kept}`) }), outcome: 'not_found' },
    { command: aCommand({ action: 'update', resource: collection, patch: { data: 'thrice' } }), outcome: 'executed' },
    { command: aCommand({ action: 'update', user: PEOPLE.guest, resource: collection }), outcome: 'denied' },
    { command: expired(kept), outcome: 'expired' },
  ]
}

function expired(id: string): Command {
  const now = Date.now()
  return aCommand({
    action: 'update',
    resource: document(id),
    issuedAt: new Date(now - 120_000).toISOString(),
    expiresAt: new Date(now - 60_000).toISOString(),
  })
}

/** The documents that a command names, by id or in the "where" of a collection. */
export function documentsOf({ resource }: Command): string[] {
  const id = isById(resource) ? resource.id : resource.where?.['id']
  return typeof id === 'string' ? [id] : []
}

/** Takes everything out of the database that an earlier test left. */
export async function emptyDatabase(owner: Database): Promise<void> {
  await sql`truncate ledger.commands, ledger.rejections, audit.records, resources.documents cascade`.execute(owner)
}

/** Several workloads as one. */
export function joined(...workloads: readonly Workload[]): Workload {
  return {
    commands: workloads.flatMap(({ commands }) => commands),
    expected: new Map(workloads.flatMap(({ expected }) => [...expected])),
    documents: workloads.flatMap(({ documents }) => documents),
  }
}
