/** What keeps policies from working. */
export type PolicyProblem = {
  readonly file: string
  readonly line: number
  readonly message: string
  /** What to do about it: a command when one corrects it or tells more. */
  readonly remedy: string
}
