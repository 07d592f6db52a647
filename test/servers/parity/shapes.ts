import { z } from 'zod'
import { declareResourceTypes } from '../../../src/domain/declare-resource-types.ts'
import type { ResourceType } from '../../../src/domain/resource-type.ts'

const columns = {
  a: 'text',
  b: 'text',
  n: 'integer',
  big: 'bigint',
  flag: 'boolean',
  ref: 'uuid',
  num: 'numeric',
  at: 'timestamptz',
  day: 'date',
  tags: 'text[]',
  meta: 'jsonb',
  note: 'text',
} as const

const type = {
  name: 'sample',
  attributes: ['a', 'b', 'n', 'big', 'flag', 'ref', 'num', 'at', 'day', 'tags', 'meta'],
  patch: z.strictObject({ note: z.string() }),
} as const

/** A way in which a table keeps the rows of the test: another kind of key, another guard, other names. */
export type Shape = {
  readonly name: string
  readonly type: ResourceType
  /** What makes the table. Texts sort as people sort them, which is not how Rego does. */
  readonly ddl: string
  /** The id of a row. */
  readonly id: (index: number) => string
}

const COLUMNS = `a text collate "en-x-icu", b text collate "en-x-icu", n integer, big bigint, flag boolean, ref uuid,
  num numeric, at timestamptz, day date, tags text[], meta jsonb, note text`

export const TEXT_KEY: Shape = {
  name: 'a text key and a version',
  type: { ...type, table: 'public.samples', key: 'id', columns: { id: 'text', ...columns } },
  ddl: `create table public.samples (id text primary key, ${COLUMNS}, version bigint not null default 1)`,
  id: (index) => `row_${String(index).padStart(2, '0')}`,
}

export const SHAPES: readonly Shape[] = [
  TEXT_KEY,
  {
    name: 'a uuid key, no version, and columns of other names',
    type: {
      ...type,
      table: 'public.Samples',
      key: 'sampleRef',
      guard: 'xmin',
      columns: { sampleRef: 'uuid', ...without(columns, 'a'), letterA: 'text' },
      attributes: { ...Object.fromEntries(type.attributes.map((name) => [name, name])), a: 'letterA' },
    },
    ddl: `create table public."Samples" ("sampleRef" uuid primary key, ${COLUMNS.replace('a text', '"letterA" text')})`,
    id: (index) => `00000000-0000-4000-8000-0000000000${String(index).padStart(2, '0')}`,
  },
  {
    name: 'a bigint key and a version of another name',
    type: { ...type, table: 'public.big_samples', key: 'no', guard: 'revision', columns: { no: 'bigint', ...columns } },
    ddl: `create table public.big_samples (no bigint primary key, ${COLUMNS}, revision integer not null default 1)`,
    id: (index) => `${2n ** 62n + BigInt(index)}`,
  },
  {
    name: 'an integer key and no version',
    type: { ...type, table: 'public.small_samples', key: 'no', guard: 'xmin', columns: { no: 'integer', ...columns } },
    ddl: `create table public.small_samples (no integer primary key, ${COLUMNS})`,
    id: (index) => `${index}`,
  },
]

export const typesOf = (shape: Shape) => declareResourceTypes([shape.type])

function without<Value>(all: Readonly<Record<string, Value>>, name: string): Record<string, Value> {
  return Object.fromEntries(Object.entries(all).filter(([other]) => other !== name))
}
