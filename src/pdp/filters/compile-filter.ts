import { ALL, type RowFilter } from '../../domain/row-filter.ts'
import type { Widening } from '../../domain/widening.ts'
import { readJson } from '../opa-response.ts'
import type { OpaResponse } from '../opa-transport.ts'
import type { FilterRequest } from '../../enforcement/ports/decision-point.ts'
import type { PolicyTraits } from './policy-traits.ts'
import { CompileBody } from './rego-ast.ts'
import { Residual } from './residual.ts'

/** Partial evaluation to Rego. A constant, never job data; so is the query in its body. */
export const COMPILE_PATH = '/v1/compile'

/** A filter that does not say more than this can be read by PostgreSQL in no time. */
const MAX_CONDITIONS = 2_000

/** An answer nests twice as deep as the attributes of its user. */
const MAX_DEPTH = 512

export type CompiledFilter = { readonly filter: RowFilter; readonly widened: readonly Widening[] }

/**
 * The body of a filter query: which conditions remain of `jobs/permit` when the type of the resource is known and each of
 * its declared attributes is not. What the type does not declare is missing, as it is for a decision.
 */
export function compileBody({ user, action, producer, type, attributes }: FilterRequest): string {
  return JSON.stringify({
    query: 'data.jobs.permit == true',
    input: { user, action, producer, resource: { type } },
    unknowns: [...attributes.keys()].map((attribute) => `input.resource.${attribute}`),
  })
}

/** Reads the answer as a filter that selects every row that may be allowed. @throws Failure JW_PDP_* */
export function readFilter(response: OpaResponse, { attributes }: FilterRequest, traits: PolicyTraits): CompiledFilter {
  const { result } = readJson(COMPILE_PATH, response, CompileBody, { maxDepth: MAX_DEPTH, anyText: true })
  if (traits.negatedSelfEquality) return everyRow('an attribute may be compared with itself')
  const residual = new Residual(result.support ?? [], { attributes, nestedNegation: traits.nestedNegation })
  const filter = residual.filter(result.queries ?? [])
  const size = sizeOf(filter)
  return size > MAX_CONDITIONS ? everyRow(`${size} conditions`) : { filter, widened: residual.widened }
}

/** Every row, because OPA or a column could not say the policies at all. */
export function everyRow(why: string): CompiledFilter {
  return { filter: ALL, widened: [{ construct: `all of the policies: ${why}`, operator: '', attributes: [] }] }
}

function sizeOf(node: unknown): number {
  if (typeof node !== 'object' || node === null) return 0
  const inside = Object.entries(node).reduce((size, [name, value]) => size + (name === 'values' ? 0 : sizeOf(value)), 0)
  return 'op' in node ? inside + 1 : inside
}
