import { z } from 'zod'

/** The kinds of columns that a declaration knows. Each is named as its type in PostgreSQL. */
export const COLUMN_KINDS = [
  'text',
  'integer',
  'bigint',
  'boolean',
  'uuid',
  'numeric',
  'timestamptz',
  'date',
  'text[]',
  'jsonb',
] as const
export type ColumnKind = (typeof COLUMN_KINDS)[number]

/**
 * How a column's values look in JSON: to policies, in rows, in `where` and in patches. A `bigint` and a `numeric` are
 * strings there, because JSON numbers lose digits past 2^53. A `jsonb` is whatever it holds.
 */
export const JSON_TYPE = {
  text: 'string',
  integer: 'number',
  bigint: 'string',
  boolean: 'boolean',
  uuid: 'string',
  numeric: 'string',
  timestamptz: 'string',
  date: 'string',
  'text[]': 'array',
  jsonb: 'any',
} as const satisfies Record<ColumnKind, string>

/** The kinds that the key of a table may have. */
export const KEY_KINDS = ['text', 'uuid', 'integer', 'bigint'] as const satisfies readonly ColumnKind[]
export type KeyKind = (typeof KEY_KINDS)[number]

export function isKeyKind(kind: ColumnKind | undefined): kind is KeyKind {
  return KEY_KINDS.some((each) => each === kind)
}

export const MAX_INTEGER = 2_147_483_647
const WHOLE = /^(?:0|-?[1-9]\d{0,18})$/
const LIMIT = { integer: 2n ** 31n, bigint: 2n ** 63n } as const

const fitsIn = (kind: keyof typeof LIMIT) => (text: string) =>
  WHOLE.test(text) && BigInt(text) >= -LIMIT[kind] && BigInt(text) < LIMIT[kind]

/** PostgreSQL knows no year 0, and no time zone further away than this. */
const hasYear = (text: string) => !text.startsWith('0000')
const zoneIsNear = (text: string) => !/[+-](?:1[6-9]|2\d):\d\d$/.test(text)

const DIGITS = 'must be a string with the digits of a bigint'
const UUID = 'must be a UUID in lower case'
const DECIMAL = 'must be a string with a decimal number, such as "12.50"'
const MOMENT = 'must be a moment, such as "2026-01-31T12:00:00Z"'
const DATE = 'must be a date, such as "2026-01-31"'

/** A value that a producer may give for a column of a kind. PostgreSQL casts every one of them without an error. */
export const KIND_VALUE = {
  text: z.string('must be a string'),
  integer: wholeNumberIn(-MAX_INTEGER - 1, MAX_INTEGER),
  bigint: z.string(DIGITS).refine(fitsIn('bigint'), DIGITS),
  boolean: z.boolean('must be true or false'),
  uuid: z.string(UUID).regex(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, UUID),
  numeric: z.string(DECIMAL).regex(/^-?\d{1,200}(?:\.\d{1,200})?$/, DECIMAL),
  timestamptz: z.iso
    .datetime({ offset: true, error: MOMENT })
    .max(40)
    .refine((text) => hasYear(text) && zoneIsNear(text), MOMENT),
  date: z.iso.date(DATE).refine(hasYear, DATE),
  'text[]': z.array(z.string('must be a string'), 'must be a list of strings'),
  jsonb: z.json(),
} as const satisfies Record<ColumnKind, z.ZodType>

/** The schema of a whole number within bounds. */
export function wholeNumberIn(least: number, most: number): z.ZodInt {
  return z.int('must be a whole number').min(least).max(most)
}

/** A moment as the database writes it here: in UTC, with microseconds, so that texts sort as moments do. */
const WRITTEN_MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/

/**
 * Whether a text is a value of the kind in the one spelling that policies see. Only then does the text mean a row's key:
 * a second spelling of the same key would be another id to the policies.
 */
export function isWritten(kind: ColumnKind, text: string): boolean {
  switch (kind) {
    case 'text':
      return true
    case 'integer':
      return fitsIn('integer')(text)
    case 'timestamptz':
      return WRITTEN_MOMENT.test(text) && KIND_VALUE.timestamptz.safeParse(text).success
    case 'bigint':
    case 'uuid':
    case 'numeric':
    case 'date':
      return KIND_VALUE[kind].safeParse(text).success
    case 'boolean':
    case 'text[]':
    case 'jsonb':
      return false
    default:
      return kind satisfies never
  }
}
