import { z } from 'zod'
import { Settings, environmentName } from '../../src/config/settings.ts'
import { code } from './markdown.ts'

/** One setting for the page. `values` is Markdown. */
export type Setting = {
  readonly name: string
  readonly fallback: string | undefined
  readonly values: string
  readonly meaning: string
}

/** The JSON Schema of one setting. Refinements are not in it, so the description has to mention them. */
const Property = z.object({
  type: z.enum(['string', 'integer', 'boolean']),
  description: z.string(),
  default: z.union([z.string(), z.number(), z.boolean()]).optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  enum: z.array(z.string()).optional(),
  pattern: z.string().optional(),
})
const Schema = z.object({ properties: z.record(z.string(), Property) })

/**
 * The settings in the order of their schema.
 * @throws ZodError when one has no description, or a kind that this page cannot show
 */
export function readSettings(): Setting[] {
  const { properties } = Schema.parse(z.toJSONSchema(Settings))
  return Object.entries(properties).map(([setting, property]) => ({
    name: environmentName(setting),
    fallback: property.default === undefined ? undefined : String(property.default),
    values: valuesOf(property),
    meaning: property.description,
  }))
}

function valuesOf({ type, enum: choices, pattern, minimum, maximum }: z.infer<typeof Property>): string {
  if (choices !== undefined) return choices.map(code).join(', ')
  if (pattern !== undefined) return code(pattern)
  if (type === 'boolean') return `${code('true')} or ${code('false')}`
  if (type === 'string') return 'text'
  if (minimum === undefined || maximum === undefined) return 'whole number'
  return `${minimum} to ${maximum}`
}
