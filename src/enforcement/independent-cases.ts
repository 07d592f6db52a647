import { isById } from '../domain/command.ts'
import type { Admitted, Invalid, Judged } from './case.ts'

/**
 * The cases that can be decided together: only the first of those that share a command id, and only the first of those
 * that update or delete the same resource. The others must see what the first one did.
 */
export function independentCases<Each extends Admitted | Judged | Invalid>(cases: readonly Each[]): Each[] {
  const taken = new Set<string>()
  return cases.filter((each) => {
    const claims = claimsOf(each)
    if (claims.some((claim) => taken.has(claim))) return false
    for (const claim of claims) taken.add(claim)
    return true
  })
}

function claimsOf(open: Admitted | Judged | Invalid): string[] {
  if (open.stage === 'invalid') return []
  const { id, action, resource } = open.accepted.command
  const command = `command ${id}`
  // A command on a collection is guarded by its own statement, so it does not wait for others.
  return action === 'read' || !isById(resource) ? [command] : [command, `resource ${resource.type} ${resource.id}`]
}
