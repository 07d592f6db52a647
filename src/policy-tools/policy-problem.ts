/** A reason why policies cannot work. */
export type PolicyProblem = {
  readonly file: string
  readonly line: number
  readonly message: string
  /** What to do about it: a command, if there is one that corrects it or tells more. */
  readonly remedy: string
}

/** A problem as two lines for people, the first of which editors can follow. */
export function problemText({ file, line, message, remedy }: PolicyProblem): string {
  return `${file}:${line}: ${message}\n    remedy: ${remedy}`
}

/** The policies have problems, which are for their author and do not come from the settings. */
export class PoliciesRefused extends Error {
  readonly problems: readonly PolicyProblem[]

  constructor(problems: readonly PolicyProblem[]) {
    super(problems.map(problemText).join('\n'))
    this.name = 'PoliciesRefused'
    this.problems = problems
  }
}
