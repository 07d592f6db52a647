import type { AuditSink, PublishedDenial } from './ports/denial-sink.ts'
import { isById } from '../domain/command.ts'
import type { Denial } from '../domain/denial.ts'
import { Failure, toFailure } from '../domain/failure.ts'
import { isAudited } from '../domain/outcome.ts'
import type { Ended } from './case.ts'

/**
 * Puts every denial on the audit queue before its job is acknowledged, including those that an earlier delivery recorded.
 * When the queue does not accept them, their cases end with that failure instead; the ledger keeps the denials, and the
 * sweep publishes them.
 */
export async function publish(cases: readonly Ended[], audit: AuditSink): Promise<readonly Ended[]> {
  const denials = new Map(cases.map((ended) => [ended, denialOf(ended)]))
  const published = [...denials].flatMap(([{ delivery }, denial]): PublishedDenial[] =>
    denial === undefined ? [] : [{ denial, trace: delivery.trace }],
  )
  if (published.length === 0) return cases
  try {
    await audit.publish(published)
    return cases
  } catch (error) {
    const failure = toFailure(error)
    return cases.map((ended) => (denials.get(ended) === undefined ? ended : { ...ended, end: failure }))
  }
}

function denialOf({ end, accepted, rejection }: Ended): Denial | undefined {
  if (end instanceof Failure || !isAudited(end)) return undefined
  const id = accepted?.command.id ?? rejection?.id
  if (id === undefined) return undefined
  const common = { id, outcome: end.outcome, reasons: [...end.reasons] }
  if (accepted === undefined) return common
  const { user, action, resource } = accepted.command
  return {
    ...common,
    userId: user.id,
    action,
    resourceType: resource.type,
    ...(isById(resource) && { resourceId: resource.id }),
    ...('policyRevision' in end && { policyRevision: end.policyRevision }),
  }
}
