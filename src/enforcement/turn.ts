import { isById } from '../domain/command.ts'
import type { Case } from './case.ts'

/**
 * The open cases that can be decided together: of those that share a command id, or an update or delete of one
 * resource, only the first. The others wait for the next turn and then see what the first one did.
 */
export function nextTurn(cases: readonly Case[]): Case[] {
  const taken = new Set<string>()
  const turn: Case[] = []
  for (const open of cases) {
    if (open.settlement !== undefined) continue
    const claims = claimsOf(open)
    if (claims.some((claim) => taken.has(claim))) continue
    for (const claim of claims) taken.add(claim)
    turn.push(open)
  }
  return turn
}

function claimsOf({ accepted }: Case): string[] {
  if (accepted === undefined) return []
  const { id, action, resource } = accepted.command
  const command = `command ${id}`
  // A command on a collection is guarded by its own statement: it waits for nobody.
  return action === 'read' || !isById(resource) ? [command] : [command, `resource ${resource.type} ${resource.id}`]
}
