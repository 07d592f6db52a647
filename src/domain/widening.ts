/**
 * A condition of the policies that a filter leaves out, because no condition on columns expresses it. That only costs a
 * longer scan: the decision on each row still uses the condition.
 */
export type Widening = {
  /** The condition in Rego: names of attributes and rules without values, because a value may belong to the user. */
  readonly construct: string
  /** What columns cannot express: the built-in, the rule, or the word of Rego, such as `lower` or `every`. */
  readonly operator: string
  /** The attributes of the resource that the condition names. */
  readonly attributes: readonly string[]
}
