import type { z } from 'zod'
import type { ResourceCollection, WhereValue } from './command.ts'
import { Failure } from './failure.ts'

/**
 * How a column's values look in PostgreSQL and in rows.
 * `bigint` values are strings outside the database, because JSON numbers lose digits past 2^53.
 */
export type ColumnKind = 'text' | 'integer' | 'bigint' | 'boolean'

/** How a column's values look in JSON: to policies, in `where` and in rows. */
export const JSON_TYPE = {
  text: 'string',
  bigint: 'string',
  integer: 'number',
  boolean: 'boolean',
} as const satisfies Record<ColumnKind, string>

/** One resource type, declared in one place. Everything that policies, producers and SQL may touch is named here. */
export type ResourceType = {
  /** The name in `command.resource.type`. */
  readonly name: string
  /** Schema-qualified table. It also has a `version bigint` column, which every update raises. */
  readonly table: `${string}.${string}`
  /** The text column that `command.resource.id` names. */
  readonly key: string
  /** Every column that a read returns, the key among them. */
  readonly columns: Readonly<Record<string, ColumnKind>>
  /** The columns that policies see in `input.resource`, besides `type` and `id`. */
  readonly attributes: readonly string[]
  /** The shape of `command.patch`: the columns an update may touch. Never one that a policy sees. */
  readonly patch: z.ZodObject
}

/** A declared column behind an attribute. */
export type Column = { readonly name: string; readonly kind: ColumnKind }

/** What policies and `where` may speak of, and the column behind each: `id` is the key. `type` has no column. */
export function attributeColumns({ key, attributes, columns }: ResourceType): ReadonlyMap<string, Column> {
  const named = [['id', key] as const, ...attributes.map((name) => [name, name] as const)]
  return new Map(named.map(([attribute, name]) => [attribute, { name, kind: columns[name] ?? 'text' }]))
}

/** What a producer asked of a collection, by column: in `where`, `id` is the key. */
export function whereOf(
  { where = {} }: ResourceCollection,
  { key }: ResourceType,
): Readonly<Record<string, WhereValue>> {
  return Object.fromEntries(Object.entries(where).map(([name, value]) => [name === 'id' ? key : name, value]))
}

/** The resource types of a deployment, by name. */
export type ResourceTypes = ReadonlyMap<string, ResourceType>

/**
 * Validates declarations at start: a declaration that contradicts itself must not reach SQL.
 * @throws Failure JW_CONFIG_INVALID that names the type and the column of everything that is wrong
 */
export function declareResourceTypes(types: readonly ResourceType[]): ResourceTypes {
  const faults = types.flatMap((type) => faultsOf(type).map((what) => `resource type "${type.name}": ${what}`))
  const byName = new Map(types.map((type) => [type.name, type]))
  if (byName.size !== types.length) faults.push('two resource types have one name')
  if (faults.length > 0) throw new Failure('JW_CONFIG_INVALID', faults.join('\n  '))
  return byName
}

const PLAIN = /^[a-z][a-z0-9_]{0,31}$/

function faultsOf({ name, key, table, columns, attributes, patch }: ResourceType): string[] {
  const identifiers = [name, key, ...table.split('.'), ...Object.keys(columns)]
  const patched = Object.keys(patch.shape)
  return [
    ...new Set([
      ...identifiers
        .filter((identifier) => !PLAIN.test(identifier))
        .map((odd) => `"${odd}" is not a lower-case name of at most 32 characters`),
      ...(columns[key] === 'text' ? [] : [`its key "${key}" must be declared as a text column`]),
      ...['id', 'type']
        .filter((reserved) => attributes.includes(reserved))
        .map((reserved) => `policies see "${reserved}" of every resource; it is no attribute`),
      ...('version' in columns ? ['"version" is reserved for the guard of updates'] : []),
      ...[...attributes, ...patched]
        .filter((column) => !(column in columns))
        .map((column) => `"${column}" is not a declared column`),
      ...patched
        .filter((column) => column === key || attributes.includes(column))
        .map((column) => `a patch may not touch "${column}": policies decide by it`),
    ]),
  ]
}
