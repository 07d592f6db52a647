import { hash } from 'node:crypto'
import pLimit from 'p-limit'
import { type ResourceCollection, isById } from '../domain/command.ts'
import { Failure, toFailure } from '../domain/failure.ts'
import { type FilterAnswer, type Pdp, filterRequest } from './ports/decision-point.ts'
import type { CandidateRequest, CommandStore } from './ports/command-store.ts'
import {
  type Accepted,
  type Ended,
  type Judged,
  type Loaded,
  type Reselection,
  type Verdict,
  askingOf,
  endedWith,
} from './case.ts'
import { type DecidedPage, decideCandidates } from './decide-candidates.ts'
import type { Observer } from './ports/observer.ts'
import { RowSearch } from './row-search.ts'

/** The most that one command on a collection may do. */
export type CollectionLimits = {
  /** How many resources a command without a limit may change, or read at a time. */
  readonly maxRows: number
  /** How many rows may be decided for one command. */
  readonly maxExamined: number
}

export type Examination = {
  readonly pdp: Pdp
  readonly store: CommandStore
  readonly limits: CollectionLimits
  readonly observer: Observer
}

/** How many collections of one batch are examined at a time. */
const AT_A_TIME = 4

type OpenCollection = { readonly open: Loaded; readonly accepted: Accepted; readonly asked: ResourceCollection }

/**
 * Finds, for every command on a collection, the rows that the policies allow. The filter narrows, the decision decides:
 * the filter and the producer's `where` select candidates, and each of them is decided like a command on it alone.
 * A failure on one collection ends only the case of that collection.
 */
export async function examine(cases: readonly Loaded[], examination: Examination): Promise<(Judged | Ended)[]> {
  if (cases.length === 0) return []
  const requests = cases.map(
    ({ accepted }) => [accepted.command.id, filterRequest(askingOf(accepted), accepted.type)] as const,
  )
  const filters = await examination.pdp.filter(new Map(requests))
  const lane = pLimit(AT_A_TIME)
  return Promise.all(cases.map((open) => lane(() => judge(open, filters.get(open.accepted.command.id), examination))))
}

async function judge(
  open: Loaded,
  filter: FilterAnswer | Failure | undefined,
  examination: Examination,
): Promise<Judged | Ended> {
  const { accepted } = open
  const { resource: asked, id } = accepted.command
  try {
    if (filter === undefined || isById(asked)) throw new Failure('JW_PDP_BAD_RESPONSE', `no filter for ${id}`)
    if (filter instanceof Failure) throw filter
    return { ...open, stage: 'judged', verdict: await drawVerdict({ open, accepted, asked }, filter, examination) }
  } catch (error) {
    return endedWith(open, toFailure(error))
  }
}

async function drawVerdict(
  collection: OpenCollection,
  answer: FilterAnswer,
  examination: Examination,
): Promise<Verdict> {
  const { accepted, asked, open } = collection
  const { action } = accepted.command
  const { filter, policyRevision } = answer
  if (open.reselection !== undefined) return reselect(collection, open.reselection, answer, examination)
  if (filter.kind === 'none') {
    const message = `the policies let this user ${action} no ${asked.type} at all`
    const reasons = [{ code: 'no_rows_allowed', message }]
    const inputDigest = hash('sha256', JSON.stringify({ ...askingOf(accepted), resource: asked, filter }))
    return { outcome: { outcome: 'denied', reasons, policyRevision }, inputDigest }
  }
  const { maxRows, maxExamined } = examination.limits
  const search = new RowSearch({ limit: asked.limit ?? maxRows, maxExamined, after: asked.after })
  const candidates = candidatesOf(collection, answer)
  const load = () => examination.store.candidates({ ...candidates, after: search.cursor, limit: search.pageSize })
  for (let page = await load(); ;) {
    search.look(page)
    const [decided, following] = await Promise.all([
      decideCandidates(page, accepted, answer, examination),
      search.needsMore ? load() : undefined,
    ])
    search.take(decided)
    if (search.ended) break
    page = following ?? (await load())
  }
  const { selection, more } = search.result(policyRevision)
  if (asked.limit === undefined && action !== 'read' && more !== undefined)
    return { outcome: tooMany(more, examination.limits, action, policyRevision), inputDigest: search.digest }
  return { selection, inputDigest: search.digest }
}

/** Decides the changed rows again. Rows that are gone, or that the command no longer selects, are left out. */
async function reselect(
  collection: OpenCollection,
  { selection, changed, inputDigest }: Reselection,
  answer: FilterAnswer,
  examination: Examination,
): Promise<Verdict> {
  const request = { ...candidatesOf(collection, answer), keys: changed, limit: changed.length }
  const decided = await decideCandidates(
    await examination.store.candidates(request),
    collection.accepted,
    { ...answer, policyRevision: selection.policyRevision },
    examination,
  )
  const kept = selection.rows.filter(({ key }) => !changed.includes(key))
  return {
    selection: {
      ...selection,
      rows: [...kept, ...decided.rows.flatMap(({ allowed }) => allowed ?? [])],
      undecided: selection.undecided + undecidedOf(decided),
    },
    inputDigest: hash('sha256', inputDigest + decided.digest),
  }
}

function undecidedOf({ rows }: DecidedPage): number {
  return rows.filter(({ undecided }) => undecided).length
}

function candidatesOf(
  { accepted: { type }, asked }: OpenCollection,
  { filter }: FilterAnswer,
): Omit<CandidateRequest, 'limit'> {
  return { type: type.name, where: asked.where ?? {}, filter }
}

function tooMany(
  more: 'rows' | 'candidates',
  { maxRows, maxExamined }: CollectionLimits,
  action: string,
  policyRevision: string,
): Extract<Verdict, { outcome: unknown }>['outcome'] {
  const what =
    more === 'rows' ? `more than ${maxRows} resources match` : `more than ${maxExamined} rows would have to be decided`
  const message = `${what}; narrow "where", or give a "limit" to ${action} them in parts`
  return { outcome: 'denied', reasons: [{ code: 'too_many_rows', message }], policyRevision }
}
