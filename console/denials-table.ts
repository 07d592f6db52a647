import type { AuditRecord } from '../src/storage/list-records.ts'

const COLUMNS = ['when', 'outcome', 'user', 'action', 'resource', 'reasons', 'command'] as const

/** The records as an aligned table for people. Text that producers chose is shown without control characters. */
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
  const table = [[...COLUMNS], ...rows.map((row) => row.map(printable))]
  const widths = COLUMNS.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)))
  return table
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
    .concat('\n')
}

function printable(text: string): string {
  return text.replaceAll(/\p{C}/gu, '\ufffd')
}
