/**
 * A condition of the policies that a filter leaves out, because no condition on columns says it. It costs a longer scan
 * and nothing else: the decision on each row still knows the condition.
 */
export type Widening = {
  /** The condition in Rego: names of attributes and rules, no values, because a value may be the user's own. */
  readonly construct: string
  /** What no column can do: the built-in, the rule, or the word of Rego, such as `lower` or `every`. */
  readonly operator: string
  /** The attributes of the resource that the condition names. */
  readonly attributes: readonly string[]
}
