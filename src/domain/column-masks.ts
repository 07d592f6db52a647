import { z } from 'zod'
import type { Row } from './outcome.ts'

/** What a read shows instead of a column's value. Columns that are not named show their own. */
export const ColumnMasks = z.record(
  z.string(),
  z.strictObject({
    replace: z.strictObject({ value: z.union([z.string(), z.number(), z.boolean(), z.null()]) }),
  }),
)
export type ColumnMasks = z.infer<typeof ColumnMasks>

/** The row as its reader may see it. */
export function maskRow(row: Row, masks: ColumnMasks): Row {
  const masked = Object.entries(masks).filter(([column]) => column in row)
  return masked.length === 0
    ? row
    : { ...row, ...Object.fromEntries(masked.map(([column, { replace }]) => [column, replace.value])) }
}
