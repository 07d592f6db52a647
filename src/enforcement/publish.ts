import type { AuditSink, PublishedDenial } from '../audit/audit-sink.ts'
import { isById } from '../domain/command.ts'
import type { Denial } from '../domain/denial.ts'
import { Failure, toFailure } from '../domain/failure.ts'
import { isAudited } from '../domain/outcome.ts'
import type { Case } from './case.ts'

/**
 * Puts every denial on the audit queue before its job is acknowledged, also one that an earlier delivery recorded.
 * When the queue does not take them, those jobs alone fail; the ledger keeps the denials and the sweep publishes them.
 */
export async function publish(cases: readonly Case[], audit: AuditSink): Promise<void> {
  const denied = cases.flatMap((settled) => {
    const denial = toDenial(settled)
    return denial === undefined ? [] : [{ settled, published: { denial, trace: settled.delivery.trace } }]
  })
  if (denied.length === 0) return
  try {
    await audit.publish(denied.map(({ published }): PublishedDenial => published))
  } catch (error) {
    const failure = toFailure(error)
    for (const { settled } of denied) settled.settlement = failure
  }
}

function toDenial({ settlement, accepted, rejection }: Case): Denial | undefined {
  if (settlement === undefined || settlement instanceof Failure || !isAudited(settlement)) return undefined
  const id = accepted?.command.id ?? rejection?.id
  if (id === undefined) return undefined
  const common = { id, outcome: settlement.outcome, reasons: [...settlement.reasons] }
  if (accepted === undefined) return common
  const { user, action, resource } = accepted.command
  return {
    ...common,
    userId: user.id,
    action,
    resourceType: resource.type,
    ...(isById(resource) && { resourceId: resource.id }),
    ...('policyRevision' in settlement && { policyRevision: settlement.policyRevision }),
  }
}
