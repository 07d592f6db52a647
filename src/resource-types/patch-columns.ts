import { z } from 'zod'
import { type ColumnKind, KIND_VALUE, MAX_INTEGER, wholeNumberIn } from '../domain/column-kind.ts'

/** How an update may change a column, in JSON. Limits that do not fit the column's kind are refused. */
const PatchColumn = z.strictObject({
  /** Of a text: so many characters at most. */
  maxLength: z.int().min(1).max(1_048_576).optional(),
  /** Of an integer. */
  min: z
    .int()
    .min(-MAX_INTEGER - 1)
    .optional(),
  max: z.int().max(MAX_INTEGER).optional(),
  /** Of a numeric: so many digits at most, and so many of them after the point. */
  precision: z.int().min(1).max(200).optional(),
  scale: z.int().min(0).max(200).optional(),
  /** Whether an update may take the value away. */
  nullable: z.boolean().default(false),
})
export type PatchColumn = z.infer<typeof PatchColumn>

export const PatchColumns = z.record(z.string(), PatchColumn)

type Limit = Exclude<keyof PatchColumn, 'nullable'>

/** The limits that each kind knows. */
const LIMITS: Readonly<Partial<Record<ColumnKind, readonly Limit[]>>> = {
  text: ['maxLength'],
  integer: ['min', 'max'],
  numeric: ['precision', 'scale'],
}

/** The schema of `command.patch` that such columns describe. A column that is not declared is left for the declaration to refuse. */
export function patchOf(
  columns: Readonly<Record<string, ColumnKind>>,
  patch: Readonly<Record<string, PatchColumn>>,
): z.ZodObject {
  const shape = Object.entries(patch).map(([name, column]) => {
    const kind = columns[name]
    if (kind === undefined) return [name, z.unknown()] as const
    const { nullable, ...limits } = column
    const odd = Object.keys(limits).find((limit) => !LIMITS[kind]?.some((known) => known === limit))
    if (odd !== undefined) throw new Error(`patch.${name}: "${odd}" is no limit of the kind "${kind}"`)
    const value = valueOf(kind, column)
    return [name, nullable ? value.nullable().optional() : value.optional()] as const
  })
  return z.strictObject(Object.fromEntries(shape))
}

function valueOf(kind: ColumnKind, { maxLength = 8_192, min, max, precision, scale }: PatchColumn): z.ZodType {
  switch (kind) {
    case 'text':
      return z.string().max(maxLength)
    case 'integer':
      return wholeNumberIn(min ?? -MAX_INTEGER - 1, max ?? MAX_INTEGER)
    case 'numeric':
      return KIND_VALUE.numeric.refine(fits(precision ?? 200, scale), 'must have no more digits than its column')
    case 'bigint':
    case 'boolean':
    case 'uuid':
    case 'timestamptz':
    case 'date':
    case 'text[]':
    case 'jsonb':
      return KIND_VALUE[kind]
    default:
      return kind satisfies never
  }
}

/** Whether a number has room in numeric(precision, scale): digits that PostgreSQL would round away are refused as well. */
function fits(precision: number, scale = precision): (text: string) => boolean {
  return (text) => {
    const [whole = '', decimals = ''] = text.replace(/^-?0*/, '').split('.')
    return decimals.length <= scale && whole.length <= precision - Math.min(scale, precision)
  }
}
