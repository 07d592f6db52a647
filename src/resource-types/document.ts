import { z } from 'zod'
import type { ResourceType } from '../domain/resource-type.ts'

/** The shipped example: the article's resources, owned by a user of a department. */
export const document: ResourceType = {
  name: 'document',
  table: 'resources.documents',
  key: 'id',
  columns: { id: 'text', name: 'text', owner: 'text', department: 'text', data: 'text' },
  attributes: ['owner', 'department'],
  patch: z.strictObject({
    name: z.string().min(1).max(256).optional(),
    data: z.string().max(8192).nullable().optional(),
  }),
}
