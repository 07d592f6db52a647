import { z } from 'zod'
import { ColumnMaskRules } from '../domain/column-masks.ts'
import { Failure } from '../domain/failure.ts'
import type { RowFilter } from '../domain/row-filter.ts'
import { readJson, safeJson } from './opa-response.ts'
import type { OpaResponse } from './opa-transport.ts'
import { ErrorBody } from './opa-wire.ts'
import type { FilterAnswer, FilterRequest } from './pdp.ts'
import { type FilterScope, Ucast, toRowFilter } from './ucast.ts'

/** Partial evaluation of `jobs/permit` over the unknown resource. A constant, never job data. */
export const FILTER_PATH = '/v1/compile/jobs/permit'

/** OPA takes exactly one media type, and names the dialect by it. */
export const FILTER_ACCEPT = 'application/vnd.opa.ucast.all+json'

const AllRows = z.strictObject({}).transform(() => 'all' as const)

/** No `query` means no row, `{}` means every row, anything else is a condition: a truthiness test would confuse them. */
const FilterBody = z.object({
  result: z
    .object({
      query: z.union([AllRows, Ucast]).optional(),
      masks: z.strictObject({ revision: z.string().min(1), columns: ColumnMaskRules }),
    })
    .optional(),
})

/**
 * The body of a filter query. Both `unknowns` and `maskRule` are always sent: without either, OPA compiles all policies
 * anew for every call. The mask rule also carries the policy revision: one evaluation, one revision.
 */
export function filterBody({ user, action }: FilterRequest): string {
  return JSON.stringify({
    input: { user, action },
    unknowns: ['input.resource'],
    options: { maskRule: 'data.jobs.filter_context' },
  })
}

/** `unconditional`: OPA gave no condition at all, which is more than a filter that every row meets. */
export type ReadFilter = { readonly answer: FilterAnswer; readonly unconditional: boolean }

/**
 * Reads an answer. OPA says "no row at all" by an empty body, which names no revision and is also what it says of
 * policies that are not there: then this returns undefined, and only who knows better may take it for `none`.
 * @throws Failure JW_FILTER_UNSUPPORTED with the file, the line and the construct, and the other JW_PDP failures
 */
export function readFilter(response: OpaResponse, { type, columns }: FilterRequest): ReadFilter | undefined {
  const outside = outsideFragment(response)
  if (outside !== undefined) throw new Failure('JW_FILTER_UNSUPPORTED', outside)
  const { result } = readJson(FILTER_PATH, response, FilterBody)
  if (result === undefined) return undefined
  const { query, masks } = result
  const answer = { filter: rowFilter(query, { type, columns }), masks: masks.columns, policyRevision: masks.revision }
  return { answer, unconditional: query === 'all' }
}

function rowFilter(query: Ucast | 'all' | undefined, scope: FilterScope): RowFilter {
  if (query === undefined) return { kind: 'none' }
  return query === 'all' ? { kind: 'all' } : toRowFilter(query, scope)
}

/** Partial evaluation of the same rule to Rego. */
export const PARTIAL_PATH = '/v1/compile'

/** The body of a query for what remains of `jobs/permit` when nothing of the resource is known. */
export function partialBody({ user, action }: FilterRequest): string {
  return JSON.stringify({ query: 'data.jobs.permit == true', input: { user, action }, unknowns: ['input.resource'] })
}

const PartialBody = z.object({ result: z.object({ queries: z.array(z.array(z.unknown())).optional() }) })

/**
 * Whether a partial evaluation says that every row is allowed: one of its alternatives has no condition left.
 * @throws the JW_PDP failures
 */
export function allowsEveryRow(response: OpaResponse): boolean {
  const { queries = [] } = readJson(PARTIAL_PATH, response, PartialBody).result
  return queries.some((conditions) => conditions.length === 0)
}

/** OPA's complaint about rules that no filter can express, each with its place; undefined when it has none. */
function outsideFragment({ status, body }: OpaResponse): string | undefined {
  if (status !== 400) return undefined
  const parsed = ErrorBody.safeParse(safeJson(body))
  const errors = parsed.success ? (parsed.data.errors ?? []) : []
  const complaints = errors
    .filter(({ code }) => code === 'pe_fragment_error')
    .map(({ message, location, details }) => {
      const place = location === undefined ? '' : `${location.file}:${location.row}: `
      return `${place}${message}${details?.details === undefined ? '' : ` (${details.details})`}`
    })
  return complaints.length === 0 ? undefined : complaints.join('; ')
}
