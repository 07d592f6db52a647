import { hash } from 'node:crypto'
import { type Action, type ResourceCollection, isById } from '../domain/command.ts'
import { maskRow } from '../domain/column-masks.ts'
import type { Decision, DecisionRequest } from '../domain/decision.ts'
import { Failure } from '../domain/failure.ts'
import type { FilterAnswer, FilterRequest, Pdp } from '../pdp/pdp.ts'
import { attributeColumns } from '../resources/resource-type.ts'
import type { Accepted, Case, Verdict } from './case.ts'

type Question<Request> = { readonly open: Case; readonly accepted: Accepted; readonly request: Request }

/**
 * Asks the policies about every case that has no verdict yet and draws each one's verdict: commands on one resource
 * in one query for a decision each, commands on collections for the filter of the rows they may act on.
 */
export async function decide(cases: readonly Case[], pdp: Pdp): Promise<void> {
  const byId: Question<DecisionRequest>[] = []
  const collections: Question<FilterRequest>[] = []
  for (const open of cases) {
    const { accepted } = open
    if (accepted === undefined || open.verdict !== undefined || open.settlement !== undefined) continue
    const { user, action, resource } = accepted.command
    if (isById(resource)) byId.push({ open, accepted, request: policyInput(accepted, open, resource.id) })
    else {
      const request = { user, action, type: resource.type, columns: attributeColumns(accepted.type) }
      collections.push({ open, accepted, request })
    }
  }
  if (byId.length > 0) await ask(byId, (requests) => pdp.decide(requests), drawVerdict)
  if (collections.length > 0) await ask(collections, (requests) => pdp.filter(requests), drawSelection)
}

async function ask<Request, Answer>(
  questions: readonly Question<Request>[],
  put: (requests: ReadonlyMap<string, Request>) => Promise<ReadonlyMap<string, Answer | Failure>>,
  draw: (question: Question<Request>, answer: Answer) => Verdict,
): Promise<void> {
  const answers = await put(new Map(questions.map(({ accepted, request }) => [accepted.command.id, request])))
  for (const question of questions) {
    const { open, accepted } = question
    const answer = answers.get(accepted.command.id)
    if (answer === undefined) throw new Failure('JW_PDP_BAD_RESPONSE', `no answer for ${accepted.command.id}`)
    if (answer instanceof Failure) open.settlement = answer
    else open.verdict = draw(question, answer)
  }
}

/** A resource that does not exist is asked about by type and id alone: who may not see it cannot tell the difference. */
function policyInput({ command, type }: Accepted, { resource }: Case, id: string): DecisionRequest {
  const { user, action } = command
  return { user, action, resource: { ...resource?.attributes, type: type.name, id } }
}

function drawVerdict({ open, accepted, request }: Question<DecisionRequest>, decision: Decision): Verdict {
  const { command } = accepted
  const { policyRevision } = decision
  const inputDigest = digest(request)
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

function drawSelection({ accepted, request }: Question<FilterRequest>, answer: FilterAnswer): Verdict {
  const { user, action, resource } = accepted.command
  const inputDigest = digest({ user, action, resource, filter: answer.filter })
  if (answer.filter.kind !== 'none') return { selection: answer, inputDigest }
  const reasons = [{ code: 'no_rows_allowed', message: noRows(request.action, resource.type) }]
  return { outcome: { outcome: 'denied', reasons, policyRevision: answer.policyRevision }, inputDigest }
}

function noRows(action: Action, type: ResourceCollection['type']): string {
  return `the policies let this user ${action} no ${type} at all`
}

/** Ties the recorded decision to what the policies saw. */
function digest(seen: unknown): string {
  return hash('sha256', JSON.stringify(seen))
}
