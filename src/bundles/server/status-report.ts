import { z } from 'zod'

const MAX_MESSAGE = 2_000

/** What of a label or a message people get to see: one line, no control characters. */
const words = z.string().transform((text) =>
  text
    .replaceAll(/\p{C}+/gu, ' ')
    .trim()
    .slice(0, MAX_MESSAGE),
)

const label = words.transform((text) => text.slice(0, 200))

const RegoError = z.object({
  message: words,
  location: z.object({ file: words, row: z.number() }).optional(),
})

const BundleReport = z
  .object({
    active_revision: z.string().max(200).optional(),
    last_successful_activation: z.string().max(40).optional(),
    code: z.string().max(100).optional(),
    message: words.optional(),
    errors: z.array(z.union([RegoError, z.unknown().transform(() => undefined)])).optional(),
  })
  .transform(({ active_revision: revision, last_successful_activation: activatedAt, code, message = '', errors }) => ({
    ...(revision !== undefined &&
      revision !== '' &&
      activatedAt !== undefined && { running: { revision, activatedAt } }),
    ...(code !== undefined && code !== '' && { error: { code, message: [message, ...places(errors)].join('; ') } }),
  }))

/** What a sidecar says of one bundle: which revision it runs, and what it minds in the one that it was given last. */
export type BundleReport = z.infer<typeof BundleReport>

/** A report of OPA's status plugin, as far as it is about bundles. */
export const StatusReport = z.object({
  labels: z.object({ id: label, instance: label.optional() }),
  bundles: z.record(z.string(), BundleReport).default({}),
})

function places(errors: readonly (z.infer<typeof RegoError> | undefined)[] = []): string[] {
  return errors.flatMap((error) => {
    if (error === undefined) return []
    const { message, location } = error
    return location === undefined ? [message] : [`${location.file}:${location.row}: ${message}`]
  })
}
