import { z } from 'zod'
import { ACTIONS, User } from '../domain/command.ts'
import { Failure } from '../domain/failure.ts'
import type { Widening } from '../domain/widening.ts'
import { type FilterRequest, type Pdp, filterRequest } from '../enforcement/ports/decision-point.ts'
import type { ResourceTypes } from '../domain/resource-type.ts'

/** The part of the policy decision point that is used here. */
export type FilterSource = Pick<Pdp, 'filter'> & { query(path: string, input: unknown): Promise<unknown> }

/** A condition that filters leave out, and the first request for which they do, such as `sample_user read document`. */
export type WidenedFilter = { readonly widening: Widening; readonly asked: string }

/**
 * Asks for the filters of the policies' own sample users, for every action and resource type, and returns the conditions
 * that they leave out, each once.
 * @throws Failure JW_PDP_* when OPA does not answer
 */
export async function widenedFilters(pdp: FilterSource, types: ResourceTypes): Promise<WidenedFilter[]> {
  const users = z.array(User).parse(await pdp.query('jobs/sample_users', {}))
  const requests = new Map<string, FilterRequest>()
  for (const user of users)
    for (const action of ACTIONS)
      for (const type of types.values())
        requests.set(`${user.id} ${action} ${type.name}`, filterRequest({ user, action }, type))
  const found = new Map<string, WidenedFilter>()
  for (const [asked, answer] of await pdp.filter(requests)) {
    if (answer instanceof Failure) throw answer
    for (const widening of answer.widened)
      if (!found.has(widening.construct)) found.set(widening.construct, { widening, asked })
  }
  return [...found.values()]
}
