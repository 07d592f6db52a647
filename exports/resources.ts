/** To declare resource types of your own; docs/resource-types.md tells what a table needs. */
export {
  type ColumnKind,
  type ResourceType,
  type ResourceTypes,
  declareResourceTypes,
} from '../src/domain/resource-type.ts'
