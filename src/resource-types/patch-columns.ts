import { z } from 'zod'
import type { ColumnKind } from '../domain/resource-type.ts'

const MAX_INTEGER = 2_147_483_647

/** How an update may change a column, in JSON. Limits that do not fit the column's kind are refused. */
const PatchColumn = z.strictObject({
  /** Of a text: so many characters at most. */
  maxLength: z.int().min(1).max(1_048_576).optional(),
  /** Of an integer. */
  min: z.int().min(-MAX_INTEGER).optional(),
  max: z.int().max(MAX_INTEGER).optional(),
  /** Whether an update may take the value away. */
  nullable: z.boolean().default(false),
})
type PatchColumn = z.infer<typeof PatchColumn>

export const PatchColumns = z.record(z.string(), PatchColumn)

/** The schema of `command.patch` that such columns describe. A column that is not declared is left for the declaration to refuse. */
export function patchOf(
  columns: Readonly<Record<string, ColumnKind>>,
  patch: Readonly<Record<string, PatchColumn>>,
): z.ZodObject {
  const shape = Object.entries(patch).map(([name, column]) => {
    const value = valueOf(name, columns[name] ?? 'text', column)
    return [name, column.nullable ? value.nullable().optional() : value.optional()] as const
  })
  return z.strictObject(Object.fromEntries(shape))
}

function valueOf(name: string, kind: ColumnKind, { maxLength, min, max }: PatchColumn): z.ZodType {
  const refuse = (limit: string) => new Error(`patch.${name}: "${limit}" is no limit of the kind "${kind}"`)
  if (maxLength !== undefined && kind !== 'text') throw refuse('maxLength')
  if ((min ?? max) !== undefined && kind !== 'integer') throw refuse(min === undefined ? 'max' : 'min')
  switch (kind) {
    case 'text':
      return z.string().max(maxLength ?? 8_192)
    case 'integer':
      return z
        .int()
        .min(min ?? -MAX_INTEGER)
        .max(max ?? MAX_INTEGER)
    case 'bigint':
      return z.string().regex(/^-?\d{1,18}$/, 'must be digits')
    case 'boolean':
      return z.boolean()
    default:
      return kind satisfies never
  }
}
