import type { Widening } from '../../domain/widening.ts'
import { asCall, readLiteral } from './call.ts'
import { type Expr, type Term, elementsOf, pathOf } from './rego-ast.ts'

const SIGNS: Readonly<Record<string, string>> = {
  eq: '==',
  neq: '!=',
  lt: '<',
  lte: '<=',
  gt: '>',
  gte: '>=',
  plus: '+',
  minus: '-',
  mul: '*',
  div: '/',
  rem: '%',
  'internal.member_2': 'in',
}

/** Names a literal that no filter says: in Rego, with an ellipsis for every value, because it may be the user's own. */
export function wideningOf(expr: Expr): Widening {
  const { construct, operator, attributes } = describe(expr)
  return {
    construct: `${expr.negated === true ? 'not ' : ''}${construct}${expr.with === undefined ? '' : ' with …'}`,
    operator: expr.with === undefined ? operator : 'with',
    attributes: [...new Set(attributes)],
  }
}

function describe(expr: Expr): Widening {
  const literal = readLiteral(expr)
  if (literal === undefined) return { construct: 'every … { … }', operator: 'every', attributes: [] }
  const terms = 'operator' in literal ? literal.operands : [literal]
  const attributes = terms.flatMap(attributesOf)
  if (!('operator' in literal)) return { construct: text(literal), operator: kindOf(literal), attributes }
  return { construct: callText(literal.operator, terms), operator: operatorOf(literal.operator, terms), attributes }
}

/** The word that a policy's author would look for: what stands inside a comparison says more than the comparison. */
function operatorOf(operator: string, operands: readonly Term[]): string {
  if (SIGNS[operator] === undefined) return operator
  return operands.map(kindOf).find((kind) => kind !== '') ?? operator
}

function kindOf(term: Term): string {
  const call = asCall(term)
  if (call !== undefined) return call.operator
  if (term.type.endsWith('comprehension')) return 'comprehension'
  const path = pathOf(term)
  if (path?.startsWith('data.') === true) return path.replace('data.partial.', 'data.')
  if (term.type === 'ref' && path === undefined) return 'lookup'
  return path === 'input.resource' ? path : ''
}

function callText(operator: string, operands: readonly Term[]): string {
  const sign = SIGNS[operator]
  const [left, right] = operands.map(text)
  if (sign !== undefined && operands.length === 2) return `${left} ${sign} ${right}`
  return `${operator.replace('data.partial.', 'data.')}(${operands.map(text).join(', ')})`
}

function text(term: Term): string {
  const call = asCall(term)
  if (call !== undefined) return callText(call.operator, call.operands)
  if (term.type !== 'ref') return '…'
  const [root, ...rest] = elementsOf(term)
  const steps = rest.map((step) =>
    step.type === 'string' && typeof step.value === 'string' ? `.${step.value}` : `[${text(step)}]`,
  )
  return `${typeof root?.value === 'string' ? root.value : '…'}${steps.join('')}`.replace('data.partial.', 'data.')
}

function attributesOf(term: Term): string[] {
  const path = pathOf(term)?.split('.') ?? []
  if (path[0] === 'input' && path[1] === 'resource' && path[2] !== undefined) return [path[2]]
  return elementsOf(term).flatMap(attributesOf)
}
