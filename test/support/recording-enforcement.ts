import type { PublishedDenial } from '../../src/enforcement/ports/denial-sink.ts'
import type { Command } from '../../src/domain/command.ts'
import { type Failure, toFailure } from '../../src/domain/failure.ts'
import type { Outcome } from '../../src/domain/outcome.ts'
import { type Enforcement, processBatch } from '../../src/enforcement/process-batch.ts'
import type { Pdp } from '../../src/enforcement/ports/decision-point.ts'
import { AGAIN, type Delivery } from '../../src/enforcement/ports/delivery.ts'
import { resourceTypes } from '../../src/resource-types/registry.ts'
import type { ResourceTypes } from '../../src/domain/resource-type.ts'
import { JwsVerifier } from '../../src/signing/jws-verifier.ts'
import { importProducerKey } from '../../src/signing/producer-keys.ts'
import { signCommand } from '../../src/signing/sign-command.ts'
import type {
  CollectionEntry,
  CommandStore,
  LedgerEntry,
  LoadRequest,
} from '../../src/enforcement/ports/command-store.ts'
import { TEST_KEY } from './a-command.ts'
import type { Observer } from '../../src/enforcement/ports/observer.ts'
import { UNOBSERVED } from '../../src/telemetry/observe-all.ts'

const QUEUE = 'commands'
const verifier = await JwsVerifier.create([TEST_KEY])
const key = await importProducerKey(TEST_KEY, 'sign')

/** What one batch did to the world. */
export type Enforced = {
  readonly settlements: readonly (Outcome | Failure)[]
  /** Every outcome that was recorded, with its effect. */
  readonly recorded: readonly (LedgerEntry | CollectionEntry)[]
  readonly published: readonly PublishedDenial[]
}

/** Runs signed commands through `processBatch`, with a store and an audit queue that only remember. */
export async function enforce(commands: readonly Command[], pdp: Pdp): Promise<Enforced> {
  const recorded: (LedgerEntry | CollectionEntry)[] = []
  const ended = await enforceIn(commands, { pdp, store: recordingStore(recorded), types: resourceTypes })
  return { ...ended, recorded }
}

type World = {
  readonly pdp: Pdp
  readonly store: CommandStore
  readonly types: ResourceTypes
  readonly maxRows?: number
  readonly maxExamined?: number
  readonly onDisagreement?: Observer['disagreement']
}

/** Runs signed commands through `processBatch`, with an audit queue that only remembers. */
export async function enforceIn(
  commands: readonly Command[],
  { pdp, store, types, maxRows = 1_000, maxExamined = 20_000, onDisagreement = () => undefined }: World,
): Promise<Omit<Enforced, 'recorded'>> {
  const published: PublishedDenial[] = []
  const limits = { maxBytes: 1_048_576, maxDepth: 8, clockSkewMs: 5_000 }
  const enforcement: Enforcement = {
    admission: { verifier, resourceTypes: types, limits, now: Date.now },
    store,
    pdp,
    audit: { publish: async (denials) => void published.push(...denials) },
    limits: { maxRows, maxExamined },
    observer: { ...UNOBSERVED, disagreement: onDisagreement },
  }
  const settlements = await settle(await Promise.all(commands.map(deliver)), enforcement)
  return { settlements, published }
}

/** Batch after batch, until no command waits for another one any more. */
async function settle(deliveries: readonly Delivery[], enforcement: Enforcement): Promise<(Outcome | Failure)[]> {
  const answers = await processBatch(deliveries, enforcement).catch((error: unknown) =>
    deliveries.map(() => toFailure(error)),
  )
  const waiting = deliveries.filter((_, index) => answers[index] === AGAIN)
  const later = waiting.length === 0 ? [] : await settle(waiting, enforcement)
  return answers.flatMap((answer) => (answer === AGAIN ? later.splice(0, 1) : [answer]))
}

async function deliver(command: Command): Promise<Delivery> {
  return { queue: QUEUE, jobId: command.id, jobName: command.action, data: await signCommand(command, QUEUE, key) }
}

/** Has every resource, and records whatever it is told to. */
function recordingStore(recorded: (LedgerEntry | CollectionEntry)[]): CommandStore {
  return {
    load: async (requests: readonly LoadRequest[]) =>
      requests.map(({ resourceId }) => {
        if (resourceId === undefined) return {}
        const attributes = { owner: 'user_123', department: 'engineering' }
        return { resource: { attributes, row: { ...attributes, id: resourceId }, version: '1' } }
      }),
    commit: async (entries) => {
      recorded.push(...entries)
      return new Set(entries.map(({ commandId }) => commandId))
    },
    candidates: async ({ after }) => {
      const attributes = { owner: 'user_123', department: 'engineering' }
      return after === undefined ? [{ key: 'resource_1', version: '1', attributes }] : []
    },
    commitCollection: async (entry) => {
      recorded.push(entry)
      return { outcome: { ...entry.outcome, count: entry.rows.length } }
    },
  }
}
