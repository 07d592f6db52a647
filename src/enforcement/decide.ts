import { hash } from 'node:crypto'
import { type ResourceById, isById } from '../domain/command.ts'
import { maskRow } from '../domain/column-masks.ts'
import { type Decision, type DecisionRequest, policyInput } from '../domain/decision.ts'
import { Failure } from '../domain/failure.ts'
import type { Pdp } from './ports/decision-point.ts'
import { type Ended, type Judged, type Loaded, type Verdict, askingOf, endedWith } from './case.ts'

/** Asks the policies about all commands on single resources in one query, and judges each command by its answer. */
export async function decide(cases: readonly Loaded[], pdp: Pdp): Promise<(Judged | Ended)[]> {
  if (cases.length === 0) return []
  const questions = cases.map((open) => [open, inputOf(open)] as const)
  const answers = await pdp.decide(new Map(questions.map(([open, input]) => [open.accepted.command.id, input])))
  return questions.map(([open, input]) => {
    const { id } = open.accepted.command
    const answer = answers.get(id) ?? new Failure('JW_PDP_BAD_RESPONSE', `no answer for ${id}`)
    if (answer instanceof Failure) return endedWith(open, answer)
    const { resource: _resource, ...underway } = open
    return { ...underway, stage: 'judged', verdict: drawVerdict(open, input, answer) }
  })
}

/** A resource that does not exist only has a type and an id, so a user who may not see it cannot tell the difference. */
function inputOf({ accepted, resource }: Loaded): DecisionRequest {
  return policyInput(askingOf(accepted), requireById(accepted.command.resource), resource?.attributes)
}

function requireById(resource: Loaded['accepted']['command']['resource']): ResourceById {
  if (isById(resource)) return resource
  throw new Failure('JW_UNEXPECTED', 'a command on a collection is examined and not decided as a whole')
}

function drawVerdict({ accepted: { command }, resource }: Loaded, input: DecisionRequest, decision: Decision): Verdict {
  const { policyRevision } = decision
  const inputDigest = hash('sha256', JSON.stringify(input))
  if (decision.effect === 'deny')
    return { outcome: { outcome: 'denied', reasons: [...decision.reasons], policyRevision }, inputDigest }
  if (resource === undefined) {
    const message = `there is no ${input.resource.type} "${input.resource.id}"`
    return { outcome: { outcome: 'not_found', reasons: [{ code: 'not_found', message }], policyRevision }, inputDigest }
  }
  const { row, version } = resource
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
