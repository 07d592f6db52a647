import { z } from 'zod'
import type { Row } from './outcome.ts'

const Shown = z.union([z.string(), z.number(), z.boolean(), z.null()])

/** The values that reads show instead of those of some columns, by column. */
export type ColumnMasks = Readonly<Record<string, z.infer<typeof Shown>>>

/**
 * Masks as policies write them: {"<column>": {"replace": {"value": ...}}}. If the condition of a rule does not hold, OPA
 * still gives the empty objects around its value: then the column shows its own value.
 */
export const ColumnMaskRules = z
  .record(z.string(), z.strictObject({ replace: z.strictObject({ value: Shown.optional() }).optional() }))
  .transform(
    (rules): ColumnMasks =>
      Object.fromEntries(
        Object.entries(rules).flatMap(([column, { replace }]) =>
          replace?.value === undefined ? [] : [[column, replace.value]],
        ),
      ),
  )

/** The row as its reader may see it. */
export function maskRow(row: Row, masks: ColumnMasks): Row {
  const masked = Object.entries(masks).filter(([column]) => column in row)
  return masked.length === 0 ? row : { ...row, ...Object.fromEntries(masked) }
}
