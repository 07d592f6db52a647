import { printable } from '../../src/domain/printable.ts'

/** A time as tables show it: UTC, to the second. */
export function timeText(time: Date | string): string {
  return (typeof time === 'string' ? time : time.toISOString()).replace('T', ' ').slice(0, 19)
}

/** An aligned table for people. Text that others chose is shown without control characters. */
export function textTable(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const table = [columns, ...rows.map((row) => row.map(printable))]
  const widths = columns.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)))
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
