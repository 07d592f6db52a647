import { hash } from 'node:crypto'
import { isById } from '../domain/command.ts'
import { maskRow } from '../domain/column-masks.ts'
import { type Decision, type DecisionRequest, policyInput } from '../domain/decision.ts'
import { Failure } from '../domain/failure.ts'
import type { Pdp } from '../pdp/pdp.ts'
import type { Accepted, Case, Verdict } from './case.ts'

type Question = { readonly open: Case; readonly accepted: Accepted; readonly request: DecisionRequest }

/** Asks the policies about every command on one resource, all in one query, and draws each one's verdict. */
export async function decide(cases: readonly Case[], pdp: Pdp): Promise<void> {
  const questions = cases.flatMap((open): Question[] => {
    const { accepted, resource: loaded } = open
    if (accepted === undefined || !isById(accepted.command.resource)) return []
    const { command } = accepted
    // One that does not exist is asked about by type and id alone: who may not see it cannot tell the difference.
    return [{ open, accepted, request: policyInput(command, accepted.command.resource, loaded?.attributes) }]
  })
  if (questions.length === 0) return
  const answers = await pdp.decide(new Map(questions.map(({ accepted, request }) => [accepted.command.id, request])))
  for (const question of questions) {
    const { open, accepted } = question
    const answer = answers.get(accepted.command.id)
    if (answer === undefined) throw new Failure('JW_PDP_BAD_RESPONSE', `no answer for ${accepted.command.id}`)
    if (answer instanceof Failure) open.settlement = answer
    else open.verdict = drawVerdict(question, answer)
  }
}

function drawVerdict({ open, accepted, request }: Question, decision: Decision): Verdict {
  const { command } = accepted
  const { policyRevision } = decision
  const inputDigest = hash('sha256', JSON.stringify(request))
  if (decision.effect === 'deny')
    return { outcome: { outcome: 'denied', reasons: [...decision.reasons], policyRevision }, inputDigest }
  if (open.resource === undefined) {
    const message = `there is no ${request.resource.type} "${request.resource.id}"`
    return { outcome: { outcome: 'not_found', reasons: [{ code: 'not_found', message }], policyRevision }, inputDigest }
  }
  const { row, version } = open.resource
  const executed = { outcome: 'executed', count: 1, policyRevision } as const
  switch (command.action) {
    case 'read':
      return { outcome: { ...executed, rows: [maskRow(row, decision.masks ?? {})] }, inputDigest }
    case 'update':
      return { outcome: executed, effect: { kind: 'update', version, patch: command.patch }, inputDigest }
    case 'delete':
      return { outcome: executed, effect: { kind: 'delete', version }, inputDigest }
    default:
      return command satisfies never
  }
}
