import { z } from 'zod'
import { Failure } from '../../domain/failure.ts'
import { Outcome, Row } from '../../domain/outcome.ts'
import { isWritten } from '../../domain/column-kind.ts'
import { type ResourceType, type ResourceTypes, attributesOf, keyKindOf } from '../../domain/resource-type.ts'
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
import { ledgerRow } from './ledger-row.ts'
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
      resource_id: this.#isKey(type, resourceId) ? resourceId : undefined,
    }))
    const rows = await queryRows(this.#db, LoadedRow, 'load', this.#loadText, [JSON.stringify(wanted)])
    return requests.map(({ type }, index) => toLoaded(this.#types.get(type), rows[index]))
  }

  async candidates(request: CandidateRequest): Promise<Candidate[]> {
    const type = this.#typeOf(request.type)
    const keys = request.keys?.filter((key) => this.#isKey(type.name, key))
    const { sql: text, parameters } = candidateStatement({ ...request, keys }, type).compile(this.#db)
    const rows = await queryRows(this.#db, CandidateRow, `look for ${type.name}s`, text, parameters)
    return rows.map(({ attributes, ...row }) => ({ ...row, attributes: seenOf(type, attributes) }))
  }

  async commitCollection(entry: CollectionEntry): Promise<CollectionEnd> {
    const { sql: text, parameters } = collectionStatement(entry, this.#typeOf(entry.resourceType)).compile(this.#db)
    const [row] = await queryRows(this.#db, CollectionRow, `${entry.action} a collection`, text, parameters)
    if (row === undefined) return { recorded: true }
    return row.detail === null ? { changed: row.changed ?? [] } : { outcome: row.detail }
  }

  /** An id that is not spelled as the key is names no row, and cannot be cast. */
  #isKey(name: string, id: string | undefined): boolean {
    const type = this.#types.get(name)
    return type !== undefined && id !== undefined && isWritten(keyKindOf(type), id)
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
          attributes: seenOf(type, loaded.row),
          row: loaded.row,
          version: loaded.version,
        }
      : undefined
  return { ...(earlier && { earlier }), ...(resource && { resource }) }
}

/** A column without a value is a missing attribute: in Rego, as in the filters, it then equals nothing. */
function seenOf(type: ResourceType, row: Row): Record<string, unknown> {
  const seen: Record<string, unknown> = {}
  for (const { name, column } of attributesOf(type).values())
    if (name !== 'id' && row[column] !== null) seen[name] = row[column]
  return seen
}

function entryJson(entry: LedgerEntry): Record<string, unknown> {
  const { outcome, effect } = entry
  return {
    ...ledgerRow(entry, outcome),
    effect: effect?.kind,
    version: effect?.version,
    patch: effect?.kind === 'update' ? effect.patch : undefined,
  }
}

function rejectionJson(rejection: Rejection): Record<string, unknown> {
  const { id, queue, jobId, reasons, producer, traceId } = rejection
  return { id, queue, job_id: jobId, reasons, producer, trace_id: traceId }
}
