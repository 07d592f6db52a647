import { z } from 'zod'
import type { ActivationTrail } from '../../audit/activation-trail.ts'
import type { Activation } from '../../domain/activation.ts'
import type { Database } from '../database.ts'
import { queryRows } from '../query-rows.ts'

// In the order in which they were seen, so that the first sighting of a release is the one that stays.
const APPEND = `
  with appended as (
  insert into audit.policy_activations (bundle, revision, digest, signed_by, author, commit, committed_at, pushed_at,
    pushed_by, first_seen_at, first_seen_by)
  select a->>'bundle', a->>'revision', a->>'digest', a->>'signedBy', a->>'author', a->>'commit',
         (a->>'committedAt')::timestamptz, (a->>'pushedAt')::timestamptz, a->>'pushedBy',
         (a->>'seenAt')::timestamptz, a->>'sidecar'
    from jsonb_array_elements($1::jsonb) with ordinality as seen (a, place)
   order by place
  on conflict (bundle, revision, digest, pushed_at) do nothing
  returning seq
  ), waiting as (
    insert into audit.pending (kind, seq) select 'activation', seq from appended order by seq
  )
  select seq::text as seq from appended`

/** A record of which policies took effect. `seq` orders the trail. */
export const ActivationRecord = z.object({
  seq: z.coerce.string(),
  bundle: z.string(),
  revision: z.string(),
  digest: z.string(),
  signed_by: z.string(),
  author: z.string().nullable(),
  commit: z.string().nullable(),
  committed_at: z.date().nullable(),
  pushed_at: z.date(),
  pushed_by: z.string(),
  first_seen_at: z.date(),
  first_seen_by: z.string(),
  recorded_at: z.date(),
})
export type ActivationRecord = z.infer<typeof ActivationRecord>

const SeqRow = z.object({ seq: z.string() })

/** The activations of policies in the audit schema. */
export class PolicyActivations implements ActivationTrail {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
  }

  async append(activations: readonly Activation[]): Promise<number> {
    const parameters = [JSON.stringify(activations)]
    return (await queryRows(this.#db, SeqRow, 'append activations of policies', APPEND, parameters)).length
  }

  /** The newest ones, newest first. @throws Failure JW_STORE_UNAVAILABLE | JW_STORE_REJECTED */
  list(limit: number, bundle?: string): Promise<ActivationRecord[]> {
    const text = `select ${Object.keys(ActivationRecord.shape).join(', ')} from audit.policy_activations
      where $1::text is null or bundle = $1 order by seq desc limit $2`
    return queryRows(this.#db, ActivationRecord, 'list activations of policies', text, [bundle ?? null, limit])
  }
}
