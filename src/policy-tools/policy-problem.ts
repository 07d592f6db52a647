/** What keeps policies from working. */
export type PolicyProblem = {
  readonly file: string
  readonly line: number
  readonly message: string
  /** What to do about it: a command when one corrects it or tells more. */
  readonly remedy: string
}

/** A problem as two lines for people, the first of which editors can follow. */
export function problemText({ file, line, message, remedy }: PolicyProblem): string {
  return `${file}:${line}: ${message}\n    remedy: ${remedy}`
}

/** OPA does not take the policies. Its problems are for whoever wrote them, and no matter of the settings. */
export class PoliciesRefused extends Error {
  readonly problems: readonly PolicyProblem[]

  constructor(problems: readonly PolicyProblem[]) {
    super(problems.map(problemText).join('\n'))
    this.name = 'PoliciesRefused'
    this.problems = problems
  }
}
