/** For deployments that declare their own resource types; docs/resource-types.md says what a table needs. */
export type { ColumnKind } from '../src/domain/column-kind.ts'
export { declareResourceTypes } from '../src/domain/declare-resource-types.ts'
export type { ResourceType, ResourceTypes } from '../src/domain/resource-type.ts'
