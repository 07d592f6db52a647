import { isById } from '../domain/command.ts'
import type { CommandStore } from './ports/command-store.ts'
import { refusedCase } from './admit.ts'
import { type Admitted, type Ended, type Invalid, type Judged, type Loaded, endedWith } from './case.ts'

/**
 * Loads earlier outcomes and resources in one query. A command that already has an outcome ends with it. A command whose
 * id was used for another one is invalid. A case that is already judged goes on as it is.
 */
export async function load(
  cases: readonly (Admitted | Judged)[],
  store: CommandStore,
): Promise<(Loaded | Judged | Ended | Invalid)[]> {
  if (cases.length === 0) return []
  const loaded = await store.load(
    cases.map(({ accepted: { command } }) => ({
      commandId: command.id,
      type: command.resource.type,
      resourceId: isById(command.resource) ? command.resource.id : undefined,
    })),
  )
  return cases.map((open, index) => {
    const { accepted, delivery } = open
    const { earlier, resource } = loaded[index] ?? {}
    if (earlier === undefined) return open.stage === 'judged' ? open : { ...open, stage: 'loaded', resource }
    if (earlier.commandDigest === accepted.commandDigest) return endedWith(open, earlier.outcome)
    const message = `the id "${accepted.command.id}" has been used for another command`
    return refusedCase(delivery, [{ code: 'id_reused', message }], accepted.producer)
  })
}
