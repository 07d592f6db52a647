import { type PolicyRequest, isById } from '../../src/domain/command.ts'
import { describeFilter } from '../../src/explain/describe-filter.ts'
import { Failure } from '../../src/domain/failure.ts'
import type { Explanation } from '../../src/explain/explain.ts'
import type { ResourceType } from '../../src/domain/resource-type.ts'
import type { Database } from '../../src/storage/database.ts'
import { type RecordedRequest, filterText } from '../../src/storage/ledger/find-request.ts'
import { printable, printableJson } from '../../src/domain/printable.ts'

/** A request, where it came from, and what the policies see of its resource. */
export type Subject = {
  readonly request: PolicyRequest
  readonly recorded: RecordedRequest | undefined
  readonly type: ResourceType
  readonly attributes: Readonly<Record<string, unknown>> | undefined
}

export type ShownExplanation = {
  readonly subject: Subject
  readonly current: Explanation
  readonly candidate: Explanation | undefined
  readonly database: Database
}

/** An explanation for people. */
export function explanationText({ subject, current, candidate, database }: ShownExplanation): string {
  const facts = (explanation: Explanation) => factsOf(explanation, subject.type, database)
  const lines = [...requestLines(subject), ...facts(current).map(line)]
  if (candidate !== undefined) {
    const before = new Map(facts(current))
    const changed = facts(candidate).filter(([name, value]) => before.get(name) !== value)
    const gone = [...before.keys()].filter((name) => !facts(candidate).some(([other]) => other === name))
    lines.push(
      '',
      changed.length + gone.length === 0
        ? 'With the candidate policies nothing would change.'
        : 'With the candidate policies:',
    )
    lines.push(...changed.map(line), ...gone.map((name) => line([name, '(none)'])))
  }
  return `${lines.join('\n')}\n`
}

/** The same facts for programs, as JSON. */
export function explanationJson({ subject, current, candidate, database }: ShownExplanation): string {
  const facts = (explanation: Explanation) => Object.fromEntries(factsOf(explanation, subject.type, database))
  const { request, recorded, attributes } = subject
  return `${printableJson({ request, recorded: recorded?.outcome, attributes, current: facts(current), ...(candidate !== undefined && { candidate: facts(candidate) }) })}\n`
}

type Fact = readonly [string, string]

function factsOf({ decision, rules, filter, leftOut }: Explanation, type: ResourceType, database: Database): Fact[] {
  const facts: Fact[] = []
  if (decision !== undefined) {
    facts.push(['decision', decision.effect], ['revision', decision.policyRevision])
    for (const [policy, places] of Object.entries(rules))
      facts.push([`rules of ${policy}`, places.length === 0 ? 'none held' : places.join(', ')])
    if (decision.effect === 'deny')
      facts.push(['reasons', decision.reasons.map(({ code, message }) => `${code}: ${message}`).join(' ')])
    const masked = decision.effect === 'allow' ? Object.keys(decision.masks ?? {}) : []
    if (masked.length > 0) facts.push(['masked columns', masked.join(', ')])
  }
  if (filter instanceof Failure) return [...facts, ['filter', filter.message]]
  if (decision === undefined) facts.push(['revision', filter.policyRevision])
  facts.push(['filter', describeFilter(filter.filter)])
  const { text, parameters } = filterText(database, filter.filter, type)
  facts.push(['sql', `where ${text}`])
  if (parameters.length > 0) facts.push(['parameters', parameters.map((value) => JSON.stringify(value)).join(', ')])
  for (const { construct } of filter.widened)
    facts.push(['left out', `${construct} (no condition on columns expresses it; each row is decided)`])
  if (leftOut !== undefined) facts.push(...leftOutFacts(leftOut))
  return facts
}

function leftOutFacts({ examined, rows }: NonNullable<Explanation['leftOut']>): Fact[] {
  const what = `${rows.length} of the ${examined} rows that the filter lets through are not allowed`
  return [['rows', what], ...rows.map(({ key, why }): Fact => ['', `${key}: ${why}`])]
}

function requestLines({ request, recorded, attributes }: Subject): string[] {
  const { user, action, resource } = request
  const what = isById(resource)
    ? `${resource.type}/${resource.id}`
    : `every ${resource.type} that ${JSON.stringify(resource.where ?? {})} selects`
  const { id, role, ...rest } = user
  const facts: Fact[] = [
    [
      'request',
      `${id} (${[`role ${role}`, ...Object.entries(rest).map(([name, value]) => `${name} ${JSON.stringify(value)}`)].join(', ')}) wants to ${action} ${what}`,
    ],
  ]
  if (isById(resource))
    facts.push(['resource', attributes === undefined ? 'does not exist' : JSON.stringify(attributes)])
  if (recorded !== undefined)
    facts.push(['recorded', `${recorded.outcome.outcome} at ${recorded.recordedAt.toISOString()}`])
  return facts.map(line)
}

function line([name, value]: Fact): string {
  return `${printable(name).padEnd(22)}${printable(value)}`
}
