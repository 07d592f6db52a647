import { Failure } from '../domain/failure.ts'
import { exampleResource } from './example-resource.ts'
import {
  FILTER_ACCEPT,
  FILTER_PATH,
  PARTIAL_PATH,
  allowsEveryRow,
  filterBody,
  partialBody,
  readFilter,
} from './filter-wire.ts'
import type { OpaResponse } from './opa-transport.ts'
import { TransientFailure } from './pdp-failure.ts'
import type { FilterAnswer, FilterRequest } from './pdp.ts'

/** The calls that a filter takes, all under one deadline. */
export type FilterApi = {
  readonly post: (path: string, body: string, headers?: Record<string, string>) => Promise<OpaResponse>
  /** Has the request decided for one resource, and says by which policy revision; what was decided does not matter. */
  readonly judge: (resource: Readonly<Record<string, unknown>>) => Promise<string>
}

/**
 * Asks OPA for one filter. `before` is the policy revision just before.
 * @throws Failure JW_FILTER_UNSUPPORTED, and the other JW_PDP failures
 */
export async function compileFilter(request: FilterRequest, before: string, api: FilterApi): Promise<FilterAnswer> {
  const read = readFilter(await api.post(FILTER_PATH, filterBody(request), { accept: FILTER_ACCEPT }), request)
  if (read?.unconditional === true) await confirmEveryRow(request, api)
  const filter = read?.answer.filter ?? { kind: 'none' }
  // Partial evaluation takes a rule that errs or conflicts for one that does not hold, a deny rule too; a decision fails.
  const policyRevision = await api.judge(exampleResource(filter, request))
  // An empty answer means no row only if the policies are there; and neither may be of two revisions.
  if (policyRevision !== (read?.answer.policyRevision ?? before))
    throw new TransientFailure('JW_PDP_NOT_READY', `the policies changed to ${policyRevision} meanwhile`)
  return read?.answer ?? { filter, masks: {}, policyRevision }
}

/**
 * OPA 1.22.2 answers "every row" also for some conditions that it cannot translate, such as
 * `input.resource[input.resource.x] == 1` (internal/compile/ucast.go): that would be an allow nobody gave. So "every
 * row" counts only when partial evaluation says it too.
 */
async function confirmEveryRow(request: FilterRequest, { post }: FilterApi): Promise<void> {
  if (allowsEveryRow(await post(PARTIAL_PATH, partialBody(request)))) return
  throw new Failure('JW_FILTER_UNSUPPORTED', 'OPA lost a condition that no filter can express; see `npm run policies`')
}
