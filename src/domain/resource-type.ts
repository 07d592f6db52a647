import type { z } from 'zod'
import { type ColumnKind, type KeyKind, isKeyKind } from './column-kind.ts'

/** One resource type, declared in one place. Everything that policies, producers and SQL may touch is named here. */
export type ResourceType = {
  /** The name in `command.resource.type`. */
  readonly name: string
  /** The table, with its schema. */
  readonly table: `${string}.${string}`
  /** The column that `command.resource.id` names: a text, a uuid, an integer or a bigint. */
  readonly key: string
  /**
   * What tells that a row has changed since it was decided: an integer or bigint column that every change raises, or
   * `xmin`, which PostgreSQL keeps of every row. "version" unless told.
   */
  readonly guard?: string | undefined
  /** Every column that a read returns, the key among them. */
  readonly columns: Readonly<Record<string, ColumnKind>>
  /** What policies see in `input.resource` besides `type` and `id`: columns, or the column behind each name. */
  readonly attributes: readonly string[] | Readonly<Record<string, string>>
  /** The shape of `command.patch`: the columns an update may touch. Never one that a policy sees. */
  readonly patch: z.ZodObject
}

/** Something that policies see of a resource, and the column behind it. */
export type Attribute = { readonly name: string; readonly column: string; readonly kind: ColumnKind }

const attributesByType = new WeakMap<ResourceType, ReadonlyMap<string, Attribute>>()

/**
 * What policies and `where` may speak of: `id`, which is the text of the key, and the declared attributes. `type` has no
 * column.
 */
export function attributesOf(type: ResourceType): ReadonlyMap<string, Attribute> {
  const known = attributesByType.get(type)
  if (known !== undefined) return known
  const { key, columns } = type
  const kind = columns[key]
  // An id is a text in every command. A bigint is one in JSON, too.
  const id: Attribute = { name: 'id', column: key, kind: kind === 'integer' ? 'bigint' : (kind ?? 'text') }
  const declared = namedColumns(type).map(
    ([name, column]): Attribute => ({ name, column, kind: columns[column] ?? 'text' }),
  )
  const attributes = new Map([id, ...declared].map((attribute) => [attribute.name, attribute]))
  attributesByType.set(type, attributes)
  return attributes
}

/** The attribute of each name, and the column behind it. */
export function namedColumns({ attributes }: ResourceType): readonly (readonly [name: string, column: string])[] {
  return isList(attributes) ? attributes.map((name) => [name, name]) : Object.entries(attributes)
}

function isList(attributes: ResourceType['attributes']): attributes is readonly string[] {
  return Array.isArray(attributes)
}

/** The kind of a type's key. */
export function keyKindOf({ key, columns }: ResourceType): KeyKind {
  const kind = columns[key]
  return isKeyKind(kind) ? kind : 'text'
}

/** PostgreSQL's own version of a row, for tables that have no column for it. */
export const SYSTEM_GUARD = 'xmin'

/** The column that guards the effects on a type's rows. */
export function guardOf({ guard = 'version' }: ResourceType): string {
  return guard
}

/** The resource types of a deployment, by name. */
export type ResourceTypes = ReadonlyMap<string, ResourceType>
