import { z } from 'zod'
import type { Activation } from '../../domain/activation.ts'
import type { ActivationsPage, EnvironmentStatus } from '../wire.ts'
import type { Kept } from './kept.ts'

const PAGE = 1_000

/** Anything but a number begins at the start. */
const Query = z.object({
  after: z
    .string()
    .regex(/^\d{1,15}$/)
    .transform(Number)
    .catch(0),
})

/** What is served, and what each sidecar runs. */
export function environmentStatus({ environment, sidecars }: Kept): EnvironmentStatus {
  return { bundle: environment.name, served: environment.served?.release ?? null, sidecars: sidecars.status() }
}

/**
 * A page of the activations, in the order in which they were seen, after as many as `after` of the query says. A number
 * past the end begins anew: the folder of the server was replaced.
 */
export function activationsPage(all: readonly Activation[], query: unknown): ActivationsPage {
  const { after } = Query.parse(query)
  const from = after > all.length ? 0 : after
  const activations = all.slice(from, from + PAGE)
  return { activations, next: from + activations.length }
}
