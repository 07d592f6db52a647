import { filterReport } from '../src/policy-tools/filter-report.ts'
import { problemText } from '../src/policy-tools/policy-problem.ts'
import { widenedFilters } from '../src/policy-tools/widened-filters.ts'
import type { ResourceTypes } from '../src/domain/resource-type.ts'
import { askCandidate } from './open-candidate.ts'

/**
 * Says of every rule of a folder of policies whether filters say it exactly, and returns whether they say all of them. A
 * rule that they do not is no fault: collections have more rows decided for it.
 * @throws Failure JW_CONFIG_INVALID | JW_PDP_*
 */
export async function tellFilters(
  dir: string,
  opa: string,
  types: ResourceTypes,
  say: (line: string) => void,
): Promise<boolean> {
  const widened = await askCandidate(dir, opa, (pdp) => widenedFilters(pdp, types))
  const exact = widened.length === 0
  say(`- filters say them exactly, for every sample user, action and resource type: ${exact ? 'yes' : 'NO'}`)
  for (const { file, line, name, widened: problems } of await filterReport(dir, opa, widened)) {
    say(`  ${file}:${line}: ${name}: ${problems.length === 0 ? 'exact' : 'widened'}`)
    for (const problem of problems) say(`  ${problemText(problem)}`)
  }
  return exact
}
