import { COLUMN_KINDS, KEY_KINDS, isKeyKind } from './column-kind.ts'
import { Failure } from './failure.ts'
import { type ResourceType, type ResourceTypes, SYSTEM_GUARD, guardOf, namedColumns } from './resource-type.ts'

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

const TYPE_NAME = /^[a-z][a-z0-9_]{0,31}$/
/** A name that PostgreSQL keeps whole, and that needs no escape inside quotes. */
const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/
/** A name that a command may use for an attribute or a column of a patch. */
const PLAIN_NAME = /^[A-Za-z][A-Za-z0-9_]{0,62}$/
/** Columns that PostgreSQL gives to every table. */
const SYSTEM_COLUMNS: ReadonlySet<string> = new Set(['tableoid', 'xmin', 'cmin', 'xmax', 'cmax', 'ctid'])

function faultsOf(type: ResourceType): string[] {
  return [...new Set([...tableFaults(type), ...keyFaults(type), ...attributeFaults(type), ...patchFaults(type)])]
}

function tableFaults(type: ResourceType): string[] {
  const { name, table, key, columns } = type
  const parts = table.split('.')
  const identifiers = [...parts, key, guardOf(type), ...Object.keys(columns)]
  return [
    ...(TYPE_NAME.test(name) ? [] : [`"${name}" is not a lower-case name of at most 32 characters`]),
    ...(parts.length === 2 ? [] : [`its table "${table}" must be named as "schema.table"`]),
    ...identifiers
      .filter((identifier) => !IDENTIFIER.test(identifier))
      .map((odd) => `"${odd}" is not a name of at most 63 letters, digits and "_"`),
    ...Object.entries(columns)
      .filter(([, kind]) => !COLUMN_KINDS.includes(kind))
      .map(([column, kind]) => `"${column}" has the kind "${kind}", which is none of ${COLUMN_KINDS.join(', ')}`),
    ...Object.keys(columns)
      .filter((column) => SYSTEM_COLUMNS.has(column))
      .map((column) => `"${column}" belongs to PostgreSQL, and is no column of yours`),
  ]
}

function keyFaults(type: ResourceType): string[] {
  const { key, columns } = type
  const guard = guardOf(type)
  return [
    ...(Object.hasOwn(columns, key) && isKeyKind(columns[key])
      ? []
      : [`its key "${key}" must be a declared column of one of the kinds ${KEY_KINDS.join(', ')}`]),
    ...(guard !== SYSTEM_GUARD && SYSTEM_COLUMNS.has(guard)
      ? [`"${guard}" cannot guard updates; use "${SYSTEM_GUARD}" or a column that every change raises`]
      : []),
  ]
}

function attributeFaults(type: ResourceType): string[] {
  const attributes = namedColumns(type)
  const names = attributes.map(([name]) => name)
  return [
    ...names
      .filter((name) => name === 'id' || name === 'type')
      .map((name) => `policies see "${name}" of every resource; it is no attribute`),
    ...names
      .filter((name) => !PLAIN_NAME.test(name))
      .map((name) => `the attribute "${name}" is not a name of letters, digits and "_"`),
    ...names
      .filter((name, index) => names.indexOf(name) !== index)
      .map((name) => `the attribute "${name}" is named twice`),
    ...undeclared(
      type,
      attributes.map(([, column]) => column),
    ),
  ]
}

function patchFaults(type: ResourceType): string[] {
  const patched = Object.keys(type.patch.shape)
  const seen = new Set([type.key, ...namedColumns(type).map(([, column]) => column)])
  return [
    ...undeclared(type, patched),
    ...patched
      .filter((column) => !PLAIN_NAME.test(column))
      .map((column) => `a patch cannot name "${column}": the name has to start with a letter`),
    ...patched
      .filter((column) => seen.has(column))
      .map((column) => `a patch may not touch "${column}": policies decide by it`),
    ...(patched.includes(guardOf(type)) ? [`a patch may not touch "${guardOf(type)}": it guards updates`] : []),
  ]
}

function undeclared({ columns }: ResourceType, names: readonly string[]): string[] {
  return names.filter((name) => !Object.hasOwn(columns, name)).map((name) => `"${name}" is not a declared column`)
}
