import { hash } from 'node:crypto'
import { z } from 'zod'
import { Command, type ResourceCollection, isById } from '../domain/command.ts'
import { brokenLimit } from '../domain/producer-limits.ts'
import type { Reason } from '../domain/reason.ts'
import { KIND_VALUE, isWritten } from '../domain/column-kind.ts'
import { type ResourceType, type ResourceTypes, attributesOf, keyKindOf } from '../domain/resource-type.ts'
import type { CommandVerifier } from './ports/command-verifier.ts'
import type { Accepted, Admitted, Invalid, Judged } from './case.ts'
import type { Delivery } from './ports/delivery.ts'
import { issuesInWords } from '../parsing/issues-in-words.ts'
import { parseStrictJson } from '../parsing/parse-json.ts'

/** Caps on what arrives, applied before it is parsed, and the tolerance for clocks that differ. */
export type AdmissionLimits = {
  readonly maxBytes: number
  readonly maxDepth: number
  readonly clockSkewMs: number
}

export type Admission = {
  readonly verifier: CommandVerifier
  readonly resourceTypes: ResourceTypes
  readonly limits: AdmissionLimits
  readonly now: () => number
}

/** What a producer signs: the command and the one queue that it is for, so that no other queue accepts it. */
const Envelope = z.strictObject({ queue: z.string(), command: Command })

type Examined = { readonly accepted: Accepted; readonly expired?: Reason }
type Refused = { readonly refused: readonly Reason[]; readonly producer?: string }

/**
 * Admits deliveries by their size, signature, schema, identity and expiry. Each becomes a case at the same index:
 * admitted, judged as expired, or invalid.
 */
export async function admit(
  deliveries: readonly Delivery[],
  admission: Admission,
): Promise<(Admitted | Judged | Invalid)[]> {
  return Promise.all(deliveries.map(async (delivery) => openCase(delivery, await examine(delivery, admission))))
}

function openCase(delivery: Delivery, examined: Examined | Refused): Admitted | Judged | Invalid {
  if ('refused' in examined) return refusedCase(delivery, examined.refused, examined.producer)
  const { accepted, expired } = examined
  const underway = { delivery, accepted, losses: 0 }
  return expired === undefined
    ? { ...underway, stage: 'admitted' }
    : { ...underway, stage: 'judged', verdict: { outcome: { outcome: 'expired', reasons: [expired] } } }
}

/** A case that ends `invalid`. Its id is a digest, because the job's own id cannot be believed either. */
export function refusedCase(delivery: Delivery, reasons: readonly Reason[], producer?: string): Invalid {
  const arrived = JSON.stringify([delivery.queue, delivery.jobId, delivery.jobName, delivery.data])
  const printable = reasons.map(({ code, message }) => ({ code, message: storable(message, 512) }))
  const rejection = {
    id: `invalid.${hash('sha256', arrived)}`,
    queue: delivery.queue,
    jobId: storable(delivery.jobId, 128),
    reasons: printable,
    producer,
    traceId: delivery.trace?.traceId,
  }
  return { stage: 'invalid', delivery, rejection, outcome: { outcome: 'invalid', reasons: printable } }
}

/** Makes text of a hostile job storable in PostgreSQL: one NUL or lone surrogate would fail the whole batch. */
function storable(text: string, length: number): string {
  return text.slice(0, length).toWellFormed().replaceAll('\0', '\ufffd')
}

async function examine(delivery: Delivery, admission: Admission): Promise<Examined | Refused> {
  const { limits, resourceTypes } = admission
  const jws = delivery.data
  if (typeof jws !== 'string') return refuse('unsigned', 'the job carries no signed command')
  if (jws.length > limits.maxBytes)
    return refuse('oversized', `the job carries ${jws.length} bytes, at most ${limits.maxBytes} are accepted`)

  const verification = await admission.verifier.verify(jws)
  if ('refused' in verification) return { refused: [verification.refused] }
  const { payload, producer, limits: producerLimits } = verification

  const json = parseStrictJson(payload, limits.maxDepth)
  if ('refused' in json) return { refused: [json.refused], producer }
  const envelope = Envelope.safeParse(json.value)
  if (!envelope.success) return { refused: schemaReasons(envelope.error, 'schema'), producer }

  const { queue, command } = envelope.data
  const mismatch = identityMismatch(delivery, queue, command)
  if (mismatch !== undefined) return { refused: [mismatch], producer }
  const broken = brokenLimit(producerLimits, queue, command)
  if (broken !== undefined) return refuse('producer_may_not', `the producer "${producer}" may not ${broken}`, producer)

  const type = resourceTypes.get(command.resource.type)
  if (type === undefined)
    return refuse('unknown_resource_type', `no resource type "${command.resource.type}" is declared`, producer)
  if (command.action === 'update') {
    const patch = type.patch.safeParse(command.patch)
    if (!patch.success) return { refused: schemaReasons(patch.error, 'patch'), producer }
  }
  const fault = isById(command.resource) ? undefined : collectionFault(command.resource, type)
  if (fault !== undefined) return refuse('where', fault, producer)

  const now = admission.now()
  if (Date.parse(command.issuedAt) > now + limits.clockSkewMs)
    return refuse('issued_in_future', `the command is issued at ${command.issuedAt}, which is in the future`, producer)
  const accepted: Accepted = { command, type, commandDigest: digestOf(command), producer }
  if (Date.parse(command.expiresAt) + limits.clockSkewMs >= now) return { accepted }
  return { accepted, expired: { code: 'expired', message: `the command expired at ${command.expiresAt}` } }
}

/** `where` may only use the id and the declared attributes, as policies do, with values of the column's kind. */
function collectionFault({ where = {}, after }: ResourceCollection, type: ResourceType): string | undefined {
  if (after !== undefined && !isWritten(keyKindOf(type), after)) return 'after: must be the "next" of an outcome'
  const attributes = attributesOf(type)
  for (const [name, value] of Object.entries(where)) {
    const kind = attributes.get(name)?.kind
    if (kind === undefined) return `where.${name}: ${type.name} has no such attribute`
    if (kind === 'text[]' || kind === 'jsonb') return `where.${name}: a ${kind} cannot be asked for`
    for (const each of Array.isArray(value) ? value : [value]) {
      const parsed = each === null ? undefined : KIND_VALUE[kind].safeParse(each)
      if (parsed?.success === false) return `where.${name}: ${parsed.error.issues[0]?.message}`
    }
  }
  return undefined
}

/**
 * A digest of what the command asks for. Its times are left out, because a producer that enqueues an id again may sign it
 * again, and that is the same command.
 */
function digestOf({ issuedAt: _issuedAt, expiresAt: _expiresAt, ...asked }: Command): string {
  return hash('sha256', JSON.stringify(asked))
}

/** The job's queue, name and id are not signed. If they differ from the signed command, somebody moved or copied it. */
function identityMismatch(delivery: Delivery, queue: string, command: Command): Reason | undefined {
  if (queue !== delivery.queue)
    return { code: 'queue_mismatch', message: `the command is signed for another queue than "${delivery.queue}"` }
  if (command.action !== delivery.jobName)
    return { code: 'name_mismatch', message: `the command is a "${command.action}", but its job has another name` }
  if (command.id !== delivery.jobId)
    return { code: 'id_mismatch', message: `the command has the id "${command.id}", but its job has another one` }
  return undefined
}

function refuse(code: string, message: string, producer?: string): Refused {
  return producer === undefined ? { refused: [{ code, message }] } : { refused: [{ code, message }], producer }
}

/** Where a value breaks the schema and what the schema wants; never the value itself. */
function schemaReasons(error: z.ZodError, code: string): Reason[] {
  return issuesInWords(error, 'the whole command')
    .slice(0, 8)
    .map((message) => ({ code, message }))
}
