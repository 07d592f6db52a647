import { z } from 'zod'
import { ACTIONS, User } from '../domain/command.ts'
import { Failure } from '../domain/failure.ts'
import type { FilterRequest, Pdp } from '../pdp/pdp.ts'
import { type ResourceTypes, attributeColumns } from '../resources/resource-type.ts'

/** What finding them takes of a policy decision point. */
export type FilterSource = Pick<Pdp, 'filter'> & { query(path: string, input: unknown): Promise<unknown> }

/**
 * Asks for the filters of the policies' own sample users, for every action and resource type, and returns what no
 * filter can express: each complaint once, with its file and line.
 * @throws Failure JW_PDP_* when OPA does not answer
 */
export async function filterProblems(pdp: FilterSource, types: ResourceTypes): Promise<string[]> {
  const users = z.array(User).parse(await pdp.query('jobs/sample_users', {}))
  const requests = new Map<string, FilterRequest>()
  for (const user of users)
    for (const action of ACTIONS)
      for (const type of types.values())
        requests.set(`${user.id} ${action} ${type.name}`, {
          user,
          action,
          type: type.name,
          columns: attributeColumns(type),
        })
  const problems = new Map<string, string>()
  for (const [asked, answer] of await pdp.filter(requests)) {
    if (!(answer instanceof Failure)) continue
    if (answer.code !== 'JW_FILTER_UNSUPPORTED') throw answer
    if (!problems.has(answer.message)) problems.set(answer.message, `${answer.message} (for ${asked})`)
  }
  return [...problems.values()]
}
