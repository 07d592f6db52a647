import { isById } from '../domain/command.ts'
import type { CommandStore } from '../storage/command-store.ts'
import type { Case } from './case.ts'
import { refusedCase } from './admit.ts'

/** Loads earlier outcomes and resources in one query. A command that has an outcome already is settled with it. */
export async function load(cases: readonly Case[], store: CommandStore): Promise<void> {
  const accepted = cases.flatMap((open) => (open.accepted === undefined ? [] : [{ open, ...open.accepted }]))
  if (accepted.length === 0) return
  const loaded = await store.load(
    accepted.map(({ command: { id, resource } }) => ({
      commandId: id,
      type: resource.type,
      resourceId: isById(resource) ? resource.id : undefined,
    })),
  )
  for (const [index, { open, command, commandDigest, producer }] of accepted.entries()) {
    const earlier = loaded[index]?.earlier
    open.resource = loaded[index]?.resource
    if (earlier?.commandDigest === commandDigest) open.settlement = earlier.outcome
    else if (earlier !== undefined) {
      const message = `the id "${command.id}" has been used for another command`
      const { rejection, verdict } = refusedCase(open.delivery, [{ code: 'id_reused', message }], producer)
      open.accepted = undefined
      open.rejection = rejection
      open.verdict = verdict
    }
  }
}
