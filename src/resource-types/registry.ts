import { document } from './document.ts'
import { declareResourceTypes } from '../domain/declare-resource-types.ts'

/** Every resource type that this deployment knows. Add yours here; docs/resource-types.md shows the whole way. */
export const resourceTypes = declareResourceTypes([document])
