import { hash } from 'node:crypto'
import type { Decision, DecisionRequest } from '../domain/decision.ts'
import { Failure } from '../domain/failure.ts'
import type { Pdp } from '../pdp/pdp.ts'
import type { Accepted, Case, Verdict } from './case.ts'

/** Asks the policies about every case that has no verdict yet, in one query, and draws each one's verdict. */
export async function decide(cases: readonly Case[], pdp: Pdp): Promise<void> {
  const questions = cases.flatMap((open) => {
    if (open.accepted === undefined || open.verdict !== undefined || open.settlement !== undefined) return []
    return [{ open, accepted: open.accepted, request: policyInput(open.accepted, open) }]
  })
  if (questions.length === 0) return
  const answers = await pdp.decide(new Map(questions.map(({ accepted, request }) => [accepted.command.id, request])))
  for (const { open, accepted, request } of questions) {
    const decision = answers.get(accepted.command.id)
    if (decision === undefined) throw new Failure('JW_PDP_BAD_RESPONSE', `no answer for ${accepted.command.id}`)
    if (decision instanceof Failure) open.settlement = decision
    else open.verdict = { ...drawVerdict(accepted, open, decision), inputDigest: digest(request) }
  }
}

/** A resource that does not exist is asked about by type and id alone: who may not see it cannot tell the difference. */
function policyInput({ command }: Accepted, { resource }: Case): DecisionRequest {
  const { user, action } = command
  return { user, action, resource: { ...resource?.attributes, type: command.resource.type, id: command.resource.id } }
}

function drawVerdict({ command }: Accepted, { resource }: Case, decision: Decision): Verdict {
  const { policyRevision } = decision
  if (decision.effect === 'deny')
    return { outcome: { outcome: 'denied', reasons: [...decision.reasons], policyRevision } }
  if (resource === undefined) {
    const message = `there is no ${command.resource.type} "${command.resource.id}"`
    return { outcome: { outcome: 'not_found', reasons: [{ code: 'not_found', message }], policyRevision } }
  }
  const executed = { outcome: 'executed', count: 1, policyRevision } as const
  switch (command.action) {
    case 'read':
      return { outcome: { ...executed, rows: [resource.row] } }
    case 'update':
      return { outcome: executed, effect: { kind: 'update', version: resource.version, patch: command.patch } }
    case 'delete':
      return { outcome: executed, effect: { kind: 'delete', version: resource.version } }
    default:
      return command satisfies never
  }
}

/** Ties the recorded decision to what the policies saw. */
function digest(request: DecisionRequest): string {
  return hash('sha256', JSON.stringify(request))
}
