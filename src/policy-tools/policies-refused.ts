import { type PolicyProblem, problemText } from './policy-problem.ts'

/** OPA does not take the policies. Its problems are for whoever wrote them, and no matter of the settings. */
export class PoliciesRefused extends Error {
  readonly problems: readonly PolicyProblem[]

  constructor(problems: readonly PolicyProblem[]) {
    super(problems.map(problemText).join('\n'))
    this.name = 'PoliciesRefused'
    this.problems = problems
  }
}
