import { z } from 'zod'
import type { NumberedRow } from '../../audit/trail-tree.ts'

/** The time of a column as leaves have it. The driver would round what it cuts off here. */
const momentOf = (column: string) => `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`

/**
 * Joins to `numbered`, which has a kind and a seq, what the row of that number has for its leaf: one row, of nulls when it is
 * gone. Each branch is entered for its own kind alone, so it costs one look into one table. Policies and sidecars may give
 * texts of any length, which are cut: a row that fits no leaf would stop the tree. A character is at most two of UTF-16.
 */
export const JOIN_ROWS = `
  left join lateral (
    select r.id, ${momentOf('r.occurred_at')} as occurred_at,
           jsonb_build_object('outcome', r.outcome, 'reasonCodes', r.reason_codes, 'action', r.action,
             'resourceType', r.resource_type, 'producer', r.producer, 'queue', r.queue,
             'policyRevision', left(r.policy_revision, 256), 'traceId', r.trace_id) as fields,
           jsonb_build_object('userId', p.user_id, 'userRole', p.user_role, 'resourceId', p.resource_id,
             'jobId', p.job_id, 'reasons', p.reasons, 'inputDigest', p.input_digest) as personal,
           p.salt, e.digests as erased
      from audit.records r
      left join audit.personal p on p.seq = r.seq
      left join audit.erased e on e.seq = r.seq
     where numbered.kind = 'denial' and r.seq = numbered.seq
    union all
    select 'activation.' || a.seq, ${momentOf('a.first_seen_at')},
           jsonb_build_object('bundle', a.bundle, 'revision', a.revision, 'digest', a.digest, 'signedBy', a.signed_by,
             'commit', a.commit, 'committedAt', ${momentOf('a.committed_at')}, 'pushedAt', ${momentOf('a.pushed_at')},
             'pushedBy', a.pushed_by, 'firstSeenBy', coalesce(nullif(left(a.first_seen_by, 128), ''), '-')),
           jsonb_build_object('author', a.author), a.salt, null
      from audit.policy_activations a
     where numbered.kind = 'activation' and a.seq = numbered.seq
    union all
    select 'erasure.' || x.seq, ${momentOf('x.occurred_at')}, jsonb_build_object('indexes', x.indexes),
           jsonb_build_object('by', x.by, 'reason', x.reason), x.salt, null
      from audit.erasures x
     where numbered.kind = 'erasure' and x.seq = numbered.seq
    union all
    select 'heartbeat.' || h.seq, ${momentOf('h.occurred_at')}, jsonb_build_object('sequencer', h.sequencer),
           '{}', null, null
      from audit.heartbeats h
     where numbered.kind = 'heartbeat' and h.seq = numbered.seq
  ) found on true`

/** The columns of that join. */
export const ROW_COLUMNS = `numbered.kind, numbered.seq::text as seq, found.id, found.occurred_at,
  jsonb_strip_nulls(found.fields) as fields, jsonb_strip_nulls(found.personal) as personal, found.salt, found.erased`

const Values = z.record(z.string(), z.json())

/** A row of a query with those columns. */
export const NumberedRowColumns = z
  .object({
    kind: z.string(),
    seq: z.coerce.number(),
    id: z.string().nullable(),
    occurred_at: z.string().nullable(),
    fields: Values.nullable(),
    personal: Values.nullable(),
    salt: z.instanceof(Uint8Array).nullable(),
    erased: z.record(z.string(), z.string()).nullable(),
  })
  .transform(
    ({ kind, seq, id, occurred_at: occurredAt, fields, personal, salt, erased }): NumberedRow => ({
      kind,
      seq,
      row:
        id === null || occurredAt === null || fields === null
          ? undefined
          : { id, occurredAt, fields, personal: personal ?? {}, salt: salt ?? undefined, erased: erased ?? undefined },
    }),
  )
