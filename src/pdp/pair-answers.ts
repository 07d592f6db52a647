import type { Decision, DecisionRequest } from '../domain/decision.ts'
import { DECISIONS_PATH, type Decisions } from './opa-wire.ts'
import { PdpFailure } from './pdp-failure.ts'

/** Every id answered and no other: an answer to something else is an answer to nothing. */
export function pairAnswers(
  requests: ReadonlyMap<string, DecisionRequest>,
  { revision: policyRevision, answers }: Decisions,
): Map<string, Decision> {
  const decisions = new Map<string, Decision>()
  for (const [id, answer] of Object.entries(answers)) {
    if (!requests.has(id)) throw mismatch(`an answer for "${id}", which was not asked`)
    decisions.set(
      id,
      answer.allow
        ? { effect: 'allow', masks: answer.masks, policyRevision }
        : { effect: 'deny', reasons: answer.reasons, policyRevision },
    )
  }
  const missing = [...requests.keys()].find((id) => !decisions.has(id))
  if (missing !== undefined) throw mismatch(`no answer for "${missing}"`)
  return decisions
}

function mismatch(what: string): PdpFailure {
  return new PdpFailure('JW_PDP_BAD_RESPONSE', `OPA ${DECISIONS_PATH} gave ${what}`)
}
