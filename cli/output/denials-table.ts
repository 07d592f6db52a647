import type { AuditRecord } from '../../src/storage/trail/list-records.ts'
import { textTable } from './text-table.ts'

const COLUMNS = ['when', 'outcome', 'user', 'action', 'resource', 'reasons', 'command'] as const

/** The records as an aligned table for people. */
export function denialsTable(records: readonly AuditRecord[]): string {
  if (records.length === 0) return 'no denials\n'
  const rows = records.map((record) => [
    record.occurred_at.toISOString().replace('T', ' ').slice(0, 19),
    record.outcome,
    record.user_id ?? '-',
    record.action ?? '-',
    record.resource_type === null ? '-' : `${record.resource_type}/${record.resource_id ?? '*'}`,
    record.reasons.map(({ code }) => code).join(','),
    record.id.length > 40 ? `${record.id.slice(0, 39)}…` : record.id,
  ])
  return textTable(COLUMNS, rows)
}
