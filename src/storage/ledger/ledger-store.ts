import { z } from 'zod'
import { Failure } from '../../domain/failure.ts'
import { Outcome, Row } from '../../domain/outcome.ts'
import type { ResourceType, ResourceTypes } from '../../domain/resource-type.ts'
import { candidateStatement } from './candidate-statement.ts'
import type {
  Candidate,
  CandidateRequest,
  CollectionEnd,
  CollectionEntry,
  CommandStore,
  LedgerEntry,
  Loaded,
  LoadRequest,
  Rejection,
} from '../../enforcement/ports/command-store.ts'
import { collectionStatement } from './collection-statement.ts'
import { commitStatement } from './commit-statement.ts'
import type { Database } from '../database.ts'
import { loadStatement } from './load-statement.ts'
import { queryRows } from '../query-rows.ts'

const LoadedRow = z.object({
  command_digest: z.string().nullable(),
  detail: Outcome.nullable(),
  resource: z.object({ version: z.string(), row: Row }).nullable(),
})
const CandidateRow = z.object({ key: z.string(), version: z.string(), attributes: Row })
const CollectionRow = z.object({ detail: Outcome.nullable(), changed: z.array(z.string()).nullable() })
const RecordedRow = z.object({ id: z.string() })

/** The command store on PostgreSQL or PGlite: the same two statements on both. */
export class LedgerStore implements CommandStore {
  readonly #db: Database
  readonly #types: ResourceTypes
  readonly #loadText: string
  readonly #commitText: string

  constructor(db: Database, types: ResourceTypes) {
    this.#db = db
    this.#types = types
    this.#loadText = loadStatement(types)
    this.#commitText = commitStatement(types)
  }

  async load(requests: readonly LoadRequest[]): Promise<Loaded[]> {
    const wanted = requests.map(({ commandId, type, resourceId }) => ({
      command_id: commandId,
      type,
      resource_id: resourceId,
    }))
    const rows = await queryRows(this.#db, LoadedRow, 'load', this.#loadText, [JSON.stringify(wanted)])
    return requests.map(({ type }, index) => toLoaded(this.#types.get(type), rows[index]))
  }

  async candidates(request: CandidateRequest): Promise<Candidate[]> {
    const type = this.#typeOf(request.type)
    const { sql: text, parameters } = candidateStatement(request, type).compile(this.#db)
    const rows = await queryRows(this.#db, CandidateRow, `look for ${type.name}s`, text, parameters)
    return rows.map(({ attributes, ...row }) => ({ ...row, attributes: attributesOf(type, attributes) }))
  }

  async commitCollection(entry: CollectionEntry): Promise<CollectionEnd> {
    const { sql: text, parameters } = collectionStatement(entry, this.#typeOf(entry.resourceType)).compile(this.#db)
    const [row] = await queryRows(this.#db, CollectionRow, `${entry.action} a collection`, text, parameters)
    if (row === undefined) return { recorded: true }
    return row.detail === null ? { changed: row.changed ?? [] } : { outcome: row.detail }
  }

  #typeOf(name: string): ResourceType {
    const type = this.#types.get(name)
    if (type === undefined) throw new Failure('JW_UNEXPECTED', `no resource type "${name}" is declared`)
    return type
  }

  async commit(entries: readonly LedgerEntry[], rejections: readonly Rejection[]): Promise<ReadonlySet<string>> {
    const parameters = [JSON.stringify(entries.map(entryJson)), JSON.stringify(rejections.map(rejectionJson))]
    const rows = await queryRows(this.#db, RecordedRow, 'commit', this.#commitText, parameters)
    return new Set(rows.map(({ id }) => id))
  }
}

function toLoaded(type: ResourceType | undefined, row: z.infer<typeof LoadedRow> | undefined): Loaded {
  const loaded = row?.resource
  const earlier =
    row?.command_digest && row.detail ? { commandDigest: row.command_digest, outcome: row.detail } : undefined
  const resource =
    type && loaded
      ? {
          attributes: attributesOf(type, loaded.row),
          row: loaded.row,
          version: loaded.version,
        }
      : undefined
  return { ...(earlier && { earlier }), ...(resource && { resource }) }
}

/** A column without a value is a missing attribute: in Rego, as in the filters, it then equals nothing. */
function attributesOf(type: ResourceType, row: Row): Record<string, unknown> {
  return Object.fromEntries(type.attributes.flatMap((name) => (row[name] === null ? [] : [[name, row[name]]])))
}

function entryJson(entry: LedgerEntry): Record<string, unknown> {
  const { outcome, effect, user } = entry
  return {
    id: entry.commandId,
    command_digest: entry.commandDigest,
    producer: entry.producer,
    queue: entry.queue,
    user_id: user.id,
    user_role: user.role,
    action: entry.action,
    resource_type: entry.resourceType,
    resource_id: entry.resourceId,
    request: entry.request,
    outcome: outcome.outcome,
    detail: outcome,
    policy_revision: 'policyRevision' in outcome ? outcome.policyRevision : null,
    input_digest: entry.inputDigest,
    trace_id: entry.traceId,
    issued_at: entry.issuedAt,
    expires_at: entry.expiresAt,
    effect: effect?.kind,
    version: effect?.version,
    patch: effect?.kind === 'update' ? effect.patch : undefined,
  }
}

function rejectionJson(rejection: Rejection): Record<string, unknown> {
  const { id, queue, jobId, reasons, producer, traceId } = rejection
  return { id, queue, job_id: jobId, reasons, producer, trace_id: traceId }
}
