import { z } from 'zod'

/** What a producer may ask for. The article's three endpoints: GET, PUT and DELETE. */
export const ACTIONS = ['read', 'update', 'delete'] as const
export type Action = (typeof ACTIONS)[number]

/** Keys that BullMQ 6.7 keeps beside those of jobs (its QueueKeys). A job with such an id breaks the queue. */
const RESERVED: ReadonlySet<string> = new Set(
  (
    'active wait waiting-children paused id delayed prioritized stalled-check completed failed stalled repeat limiter ' +
    'meta events pc marker de'
  ).split(' '),
)

/** 1 to 64 letters, digits, `_` and `-`, not digits alone: BullMQ reserves `:` and refuses numeric job ids. */
export const CommandId = z
  .string()
  .regex(
    /^(?!\d+$)[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/,
    'must be 1 to 64 letters, digits, "_" or "-", starting with a letter or digit, and not digits alone',
  )
  .refine((id) => !RESERVED.has(id), 'is a name that the queue uses itself')

const PLAIN_NAME = /^[A-Za-z][A-Za-z0-9_]{0,63}$/
const AttributeName = z.string().regex(PLAIN_NAME, 'must be a plain name')

/** Unicode that PostgreSQL can hold: a lone surrogate or a NUL would fail the whole batch's statement. */
const storable = (text: string) => text.isWellFormed() && !text.includes('\0')
const Text = z.string().max(1024).refine(storable, 'must be well-formed Unicode without NUL')

/** Text that the audit trail indexes: an index row of PostgreSQL has at most 2704 bytes, and a character may have three. */
const Name = Text.min(1).max(512)

const LongText = z.string().refine(storable, 'must be well-formed Unicode without NUL')
const WholeNumber = z.number().int().min(Number.MIN_SAFE_INTEGER).max(Number.MAX_SAFE_INTEGER)
const Scalar = z.union([Text, WholeNumber, z.boolean()])

/** The article's `input.user`: id and role, usually a department, and whatever else the policies read. */
export const User = z
  .object({ id: Name, role: Text.min(1), department: Text.optional() })
  .catchall(z.union([Scalar, z.array(Scalar).max(64)]))
  .refine((user) => Object.keys(user).every((name) => PLAIN_NAME.test(name)), 'attribute names must be plain names')
export type User = z.infer<typeof User>

/** A list or a document, for columns that hold one. */
const Composite = z
  .union([z.array(z.json()), z.record(z.string(), z.json())])
  .refine(isStorableJson, 'must hold well-formed Unicode without NUL')
const PatchValue = z.union([LongText, WholeNumber, z.boolean(), z.null(), Composite])
/** A column's new value. Numbers beyond 2^53 travel as strings. */
export type PatchValue = z.infer<typeof PatchValue>

function isStorableJson(value: unknown): boolean {
  if (typeof value === 'string') return storable(value)
  if (typeof value !== 'object' || value === null) return true
  return Object.entries(value).every(([name, member]) => storable(name) && isStorableJson(member))
}

const ResourceType = z.string().regex(/^[a-z][a-z0-9_]{0,31}$/, 'must be a lower-case resource type name')
const ById = z.strictObject({ type: ResourceType, id: Name })
const WhereValue = z.union([Scalar, z.null(), z.array(Scalar).min(1).max(64)])
export type WhereValue = z.infer<typeof WhereValue>
const Collection = z.strictObject({
  type: ResourceType,
  /** The column has this value; an array means any of its values, and null means no value. */
  where: z.record(AttributeName, WhereValue).optional(),
  /** Only this many of them, in the order of their ids. */
  limit: z.int().min(1).max(10_000).optional(),
  /** Only those whose id comes after this one: the `next` of an earlier outcome. */
  after: Text.min(1).optional(),
})

export type ResourceById = z.infer<typeof ById>
export type ResourceCollection = z.infer<typeof Collection>
export type ResourceSelector = ResourceById | ResourceCollection

/** A time that PostgreSQL can hold as well: no year 0, no thousand decimals. */
const Moment = z.iso
  .datetime()
  .max(40)
  .refine((text) => Date.parse(text) >= 0, 'must not be before 1970')

const common = {
  id: CommandId,
  user: User,
  resource: z.union([ById, Collection]),
  issuedAt: Moment,
  expiresAt: Moment,
}

/**
 * One signed request of an upstream service: `user` asks for `action` on `resource`.
 * Strict: an unknown field is an error, because somebody may rely on a field that the worker ignores.
 */
export const Command = z
  .discriminatedUnion('action', [
    z.strictObject({ ...common, action: z.literal('read') }),
    z.strictObject({
      ...common,
      action: z.literal('update'),
      patch: z
        .record(AttributeName, PatchValue)
        .refine((patch) => Object.keys(patch).length > 0, 'must change at least one column'),
    }),
    z.strictObject({ ...common, action: z.literal('delete') }),
  ])
  .refine((command) => Date.parse(command.expiresAt) > Date.parse(command.issuedAt), {
    path: ['expiresAt'],
    message: 'must be later than issuedAt',
  })
export type Command = z.infer<typeof Command>

/** The part of a command on which policies base their decision. */
export const PolicyRequest = z.strictObject({
  user: User,
  action: z.enum(ACTIONS),
  /** Who signed the command. Records of older versions do not have it. */
  producer: z.string().min(1).max(64).optional(),
  resource: z.union([ById, Collection]),
})
export type PolicyRequest = z.infer<typeof PolicyRequest>

/** Whether the command names one resource; otherwise it is on a collection. */
export function isById(resource: ResourceSelector): resource is ResourceById {
  return 'id' in resource
}
