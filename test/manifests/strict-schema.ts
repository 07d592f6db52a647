import { z } from 'zod'

/** The part of a schema that says what is inside an object or a list. */
const Schema = z.looseObject({
  required: z.array(z.string()).optional(),
  get properties() {
    return z.record(z.string(), Schema).optional()
  },
  get items() {
    return Schema.optional()
  },
  get additionalProperties() {
    return z.union([z.boolean(), Schema]).optional()
  },
})
type Schema = z.infer<typeof Schema>

/** Schemas by version and kind, such as `apps/v1.Deployment`. */
export const Schemas = z.record(z.string(), Schema)

/** The schema of one kind as kubeconform takes it, and the name that it looks for. */
export type KindSchema = { readonly file: string; readonly schema: Schema }

/**
 * Turns the schema of a kind into one that accepts that kind of that version alone and no field that it does not know.
 * What Kubernetes leaves open, such as labels, stays open.
 */
export function strictSchema(name: string, schema: Schema): KindSchema {
  const [apiVersion, kind] = [name.slice(0, name.lastIndexOf('.')), name.slice(name.lastIndexOf('.') + 1)]
  const { properties, ...rest } = closed(schema)
  const specIsNeeded = properties?.['spec']?.required !== undefined
  const [group = '', version] = apiVersion.split('/')
  const suffix = [group.split('.')[0], version].filter((part) => part !== undefined).join('-')
  return {
    file: `${kind.toLowerCase()}-${suffix}.json`,
    schema: {
      ...rest,
      properties: { ...properties, apiVersion: { enum: [apiVersion] }, kind: { enum: [kind] } },
      required: ['apiVersion', 'kind', 'metadata', ...(specIsNeeded ? ['spec'] : [])],
    },
  }
}

function closed({ properties, items, additionalProperties, ...rest }: Schema): Schema {
  const open = typeof additionalProperties === 'object' ? closed(additionalProperties) : additionalProperties
  return {
    ...rest,
    ...(items !== undefined && { items: closed(items) }),
    ...(open !== undefined && { additionalProperties: open }),
    ...(properties !== undefined && {
      properties: Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, closed(schema)])),
      additionalProperties: open ?? false,
    }),
  }
}
