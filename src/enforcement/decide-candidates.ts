import { hash } from 'node:crypto'
import pLimit from 'p-limit'
import { type Decision, policyInput } from '../domain/decision.ts'
import { Failure } from '../domain/failure.ts'
import type { FilterAnswer, Pdp } from './ports/decision-point.ts'
import type { Candidate, DecidedRow } from './ports/command-store.ts'
import { type Accepted, askingOf } from './case.ts'
import type { Observer } from './ports/observer.ts'

/** The decision on one candidate: allowed, undecided, or denied, which is neither of the two. */
export type DecidedCandidate = {
  readonly key: string
  readonly allowed?: DecidedRow | undefined
  readonly undecided: boolean
}

/** Candidates after their decisions, in the same order. `digest` ties them to what the policies saw. */
export type DecidedPage = { readonly rows: readonly DecidedCandidate[]; readonly digest: string }

type Deciding = { readonly pdp: Pdp; readonly observer: Observer }

/** OPA evaluates a query on one core, so a larger one would only keep others waiting. */
const CHUNK = 250
const CHUNKS_AT_A_TIME = 2

/**
 * Asks `jobs/decisions` about every candidate, as for a command on that row alone. A row on which the policies fail is
 * undecided: it is left out, so that no other row has to wait for it.
 * @throws Failure JW_PDP_*, also when the policies are no longer those of the filter
 */
export async function decideCandidates(
  candidates: readonly Candidate[],
  accepted: Accepted,
  { policyRevision, widened }: FilterAnswer,
  { pdp, observer }: Deciding,
): Promise<DecidedPage> {
  const { type } = accepted
  const asking = askingOf(accepted)
  const lane = pLimit(CHUNKS_AT_A_TIME)
  const requests = candidates.map(({ key, attributes }) =>
    policyInput(asking, { type: type.name, id: key }, attributes),
  )
  const chunks = Array.from({ length: Math.ceil(requests.length / CHUNK) }, (_, chunk) => chunk * CHUNK)
  const answers = await Promise.all(
    chunks.map((start) =>
      lane(() =>
        pdp.decide(
          new Map(requests.slice(start, start + CHUNK).map((request, index) => [`${start + index}`, request])),
        ),
      ),
    ),
  )
  const decided = new Map(answers.flatMap((chunk) => [...chunk]))
  const rows = candidates.map((candidate, index) => {
    const answer = decided.get(`${index}`)
    if (answer === undefined) throw new Failure('JW_PDP_BAD_RESPONSE', `no answer for a row of ${type.name}`)
    return toRow(candidate, answer, policyRevision)
  })
  const denied = rows.filter(({ allowed, undecided }) => allowed === undefined && !undecided).length
  const left = widened.map(({ construct }) => construct)
  if (denied > 0)
    observer.disagreement({ type: type.name, action: asking.action, policyRevision, rows: denied, widened: left })
  return { rows, digest: hash('sha256', JSON.stringify(requests)) }
}

function toRow(candidate: Candidate, answer: Decision | Failure, policyRevision: string): DecidedCandidate {
  const { key, version } = candidate
  if (answer instanceof Failure) {
    if (answer.code !== 'JW_PDP_POISON') throw answer
    return { key, undecided: true }
  }
  if (answer.policyRevision !== policyRevision)
    throw new Failure('JW_PDP_NOT_READY', `the policies changed to ${answer.policyRevision} in the meantime`)
  return { key, undecided: false, ...(answer.effect === 'allow' && { allowed: { key, version, masks: answer.masks } }) }
}
