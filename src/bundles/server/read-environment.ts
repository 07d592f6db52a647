import type { Answer } from './answer.ts'
import type { Call, Kept } from './call.ts'
import type { ActivationsPage, EnvironmentStatus } from '../wire.ts'

const PAGE = 1_000

/** What is served, and what each sidecar runs. */
export function environmentStatus(_call: Call, { environment, sidecars }: Kept): Answer {
  const status: EnvironmentStatus = {
    bundle: environment.name,
    served: environment.served?.release ?? null,
    sidecars: sidecars.status(),
  }
  return { status: 200, body: status }
}

/**
 * A page of the activations, in the order in which they were seen, after as many as `after` says. Who has seen more than
 * there are begins anew: the folder of the server was replaced.
 */
export function activationsPage({ url }: Call, { sidecars }: Kept): Answer {
  const after = Number(/^\d{1,15}$/.exec(url.searchParams.get('after') ?? '')?.[0] ?? 0)
  const from = after > sidecars.activations.length ? 0 : after
  const activations = sidecars.activations.slice(from, from + PAGE)
  const page: ActivationsPage = { activations, next: from + activations.length }
  return { status: 200, body: page }
}
