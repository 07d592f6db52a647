/** To declare resource types of your own; docs/resource-types.md tells what a table needs. */
export type { ColumnKind } from '../src/domain/column-kind.ts'
export { declareResourceTypes } from '../src/domain/declare-resource-types.ts'
export type { ResourceType, ResourceTypes } from '../src/domain/resource-type.ts'
