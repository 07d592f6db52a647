import type { Outcome } from '../../domain/outcome.ts'
import type { CommandEntry } from '../../enforcement/ports/command-store.ts'

/** The columns of a row of the ledger that a statement fills from JSON, with their types in PostgreSQL. */
const COLUMNS = {
  id: 'text',
  command_digest: 'text',
  producer: 'text',
  queue: 'text',
  user_id: 'text',
  user_role: 'text',
  action: 'text',
  resource_type: 'text',
  resource_id: 'text',
  request: 'jsonb',
  outcome: 'text',
  detail: 'jsonb',
  policy_revision: 'text',
  input_digest: 'text',
  trace_id: 'text',
  issued_at: 'timestamptz',
  expires_at: 'timestamptz',
} as const

type Column = keyof typeof COLUMNS

/** The columns by name, as an `insert` lists them. */
export const LEDGER_COLUMNS = Object.keys(COLUMNS).join(', ')

/** The columns of table alias `e`, as a `select` lists them. `detail` may be an expression of the statement's own. */
export function ledgerColumnsOf(detail = 'e.detail'): string {
  return Object.keys(COLUMNS)
    .map((name) => (name === 'detail' ? detail : `e.${name}`))
    .join(', ')
}

/** The columns with their types, as `jsonb_to_recordset` wants them. */
export const LEDGER_RECORD = Object.entries(COLUMNS)
  .map((column) => column.join(' '))
  .join(', ')

/** The members that a statement reads for one command's row. */
export function ledgerRow(
  entry: CommandEntry,
  outcome: Pick<Outcome, 'outcome'> & { readonly policyRevision?: string },
): Record<Column, unknown> {
  return {
    id: entry.commandId,
    command_digest: entry.commandDigest,
    producer: entry.producer,
    queue: entry.queue,
    user_id: entry.user.id,
    user_role: entry.user.role,
    action: entry.action,
    resource_type: entry.resourceType,
    resource_id: entry.resourceId,
    request: entry.request,
    outcome: outcome.outcome,
    detail: outcome,
    policy_revision: outcome.policyRevision,
    input_digest: entry.inputDigest,
    trace_id: entry.traceId,
    issued_at: entry.issuedAt,
    expires_at: entry.expiresAt,
  }
}
