import { z } from 'zod'
import { ACTIONS } from '../../domain/command.ts'
import { AUDITED_OUTCOMES } from '../../domain/outcome.ts'
import { Reason } from '../../domain/reason.ts'

const text = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .refine((value) => value.isWellFormed() && !value.includes('\0'), 'must be well-formed Unicode without NUL')

/** UTC with milliseconds, as `toISOString` writes it. PostgreSQL keeps microseconds; reading a row cuts them off. */
const moment = z.iso.datetime({ precision: 3 })
const size = z.int().min(0)
const bundleDigest = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'must be sha256: and 64 hex digits')
const word = z.string().regex(/^[a-z][a-z_]{0,31}$/, 'must be a lower-case word')
const code = Reason.shape.code

/** Stands for a personal value: `commitment` makes it. */
const committed = z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in lower-case hex')

const common = { id: text(128), occurredAt: moment }

/** What is asked for and what became of it are leaves of their own, with the same id. */
const stage = z.enum(['asked', 'done', 'aborted'])

/** At most so many reason codes are in a leaf. */
const MAX_CODES = 100
/** One erasure names at most so many records, so that its leaf fits an entry. */
export const MAX_ERASED = 2_000

const ascending = (values: readonly (string | number)[]) =>
  values.every((value, at) => at === 0 || (values[at - 1] ?? value) < value)

/** An outcome that auditors must see. Its id is the command's, or `invalid.<digest>`. */
const DenialLeaf = z.strictObject({
  kind: z.literal('denial'),
  ...common,
  outcome: z.enum(AUDITED_OUTCOMES),
  /** What `reasonCodes` gives. */
  reasonCodes: z.array(code).min(1).max(MAX_CODES).refine(ascending, 'must be sorted, each code once'),
  action: z.enum(ACTIONS).optional(),
  resourceType: text(64).optional(),
  producer: text(64).optional(),
  /** Who asked the producer, when it was a gateway: a client of it, not a person. */
  caller: text(256).optional(),
  queue: text(256),
  policyRevision: text(512).optional(),
  bundleDigest: bundleDigest.optional(),
  traceId: text(64).optional(),
  worker: text(256).optional(),
  personal: z.strictObject({
    userId: committed.optional(),
    userRole: committed.optional(),
    resourceId: committed.optional(),
    /** The job id as it came, which anyone who adds jobs may choose. */
    jobId: committed.optional(),
    /** The reasons with their messages, as a list. */
    reasons: committed,
    /** Whoever guesses user and resource can make it, so it would name them after an erasure. */
    inputDigest: committed.optional(),
  }),
})

/** What an operator does: retry, redrive, pause, resume, remove, reveal, log in. Recorded before it and after it. */
const ActLeaf = z.strictObject({
  kind: z.literal('act'),
  ...common,
  stage,
  act: word,
  via: word,
  changed: size.optional(),
  failed: size.optional(),
  personal: z.strictObject({
    by: committed,
    target: committed,
    reason: committed,
    planDigest: committed.optional(),
  }),
})

/** Policies took effect: `occurredAt` is when they were first seen, by the clock of the bundle server. */
const ActivationLeaf = z.strictObject({
  kind: z.literal('activation'),
  ...common,
  bundle: text(64),
  revision: text(200),
  digest: bundleDigest,
  signedBy: text(64),
  commit: text(128).optional(),
  committedAt: moment.optional(),
  pushedAt: moment,
  pushedBy: text(256),
  firstSeenBy: text(256),
  personal: z.strictObject({ author: committed.optional() }),
})

/** Somebody reads or exports the trail: how is a word such as list, record or export. Indexes are those of leaves. */
const ReadingLeaf = z.strictObject({
  kind: z.literal('reading'),
  ...common,
  stage,
  how: word,
  via: word,
  rows: size.optional(),
  treeSize: size.optional(),
  firstIndex: size.optional(),
  lastIndex: size.optional(),
  personal: z.strictObject({ by: committed, filter: committed.optional(), purpose: committed.optional() }),
})

/** The personal values of these leaves are erased, their salts with them. */
const ErasureLeaf = z.strictObject({
  kind: z.literal('erasure'),
  ...common,
  indexes: z.array(size).min(1).max(MAX_ERASED).refine(ascending, 'must be ascending, each index once'),
  personal: z.strictObject({ by: committed, reason: committed }),
})

/** Nothing else happened: without it, the checkpoints of a quiet hour would be equal, and a stopped trail look whole. */
const HeartbeatLeaf = z.strictObject({
  kind: z.literal('heartbeat'),
  ...common,
  sequencer: text(256),
  personal: z.strictObject({}),
})

/**
 * A record as its leaf binds it. It has no index: the tree gives it one. What a leaf has stays for ever, in mirrors too. So
 * whatever names or describes a person is under `personal`, as a digest that says nothing without its salt. Digests of what
 * can be guessed, such as the input of a decision, are there as well.
 */
export const LeafRecord = z.discriminatedUnion('kind', [
  DenialLeaf,
  ActLeaf,
  ActivationLeaf,
  ReadingLeaf,
  ErasureLeaf,
  HeartbeatLeaf,
])
export type LeafRecord = z.infer<typeof LeafRecord>

/** The codes of reasons as a leaf has them: sorted, each once, the first 100 where there are more. */
export function reasonCodes(reasons: readonly Reason[]): string[] {
  return [...new Set(reasons.map((reason) => reason.code))].toSorted().slice(0, MAX_CODES)
}
