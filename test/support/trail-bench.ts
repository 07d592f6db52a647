import { sql } from 'kysely'
import { TreeGrowth } from '../../src/audit/grow-tree.ts'
import type { TrailTree } from '../../src/audit/trail-tree.ts'
import type { SigningKey } from '../../src/audit/tree/note-keys.ts'
import { startPostgres } from '../../devkit/start-postgres.ts'
import { openWorkspace } from '../../devkit/workspace.ts'
import { type Database, type DatabaseRole, openPostgres } from '../../src/storage/database.ts'
import { migrate } from '../../src/storage/migrate.ts'
import { LedgerTrail } from '../../src/storage/trail/ledger-trail.ts'
import { TreeStore } from '../../src/storage/trail/tree-store.ts'
import { newKey } from './audit-tree.ts'

export type TrailBench = {
  readonly url: string
  readonly owner: Database
  readonly key: SigningKey
  /** A pool of this role. */
  open(role: DatabaseRole): Database
  /** Puts so many denials of a user into the ledger and returns their ids. */
  deny(count: number, user?: string): Promise<string[]>
  /** The same, and their records. */
  record(count: number, user?: string): Promise<string[]>
  /** A sequencer, as one auditor. */
  sequencer(trail?: TrailTree, heartbeatMs?: number): TreeGrowth
  /** Takes everything out of the trail and the ledger. */
  empty(): Promise<void>
  close(): Promise<void>
}

/** A PostgreSQL with a trail, and what lets it grow. */
export async function openTrailBench(): Promise<TrailBench> {
  const workspace = await openWorkspace()
  const { url } = await startPostgres({ workspace, fsync: false })
  const pool = (role?: DatabaseRole) => {
    const database = openPostgres({
      url,
      maxConnections: 10,
      timeoutMs: 30_000,
      onError: () => undefined,
      ...(role !== undefined && { role }),
    })
    workspace.defer(() => database.destroy())
    return database
  }
  const owner = pool()
  await migrate(owner)
  const auditor = pool('jobwarden_auditor')
  const key = newKey('example.com/audit/test')
  let made = 0

  const deny = async (count: number, user = 'user_1') => {
    const first = made + 1
    made += count
    await sql`
      insert into ledger.commands (id, command_digest, producer, queue, user_id, user_role, action, resource_type,
        resource_id, outcome, effect, detail, policy_revision, input_digest, issued_at, expires_at)
      select 'cmd-' || n, 'd', 'orders', 'commands', ${user}::text, 'guest', 'read', 'document', 'doc_' || n, 'denied', false,
             '{"reasons":[{"code":"not_owner","message":"The user owns no such resource — “é”."}]}', 'r1', 'i', now(), now()
        from generate_series(${first}::int, ${made}::int) n`.execute(owner)
    return Array.from({ length: count }, (_, at) => `cmd-${first + at}`)
  }
  return {
    url,
    owner,
    key,
    open: pool,
    deny,
    async record(count, user) {
      const ids = await deny(count, user)
      await new LedgerTrail(auditor).append(ids)
      return ids
    },
    sequencer: (trail = new TreeStore(auditor), heartbeatMs = 3_600_000) =>
      new TreeGrowth({ trail, key, heartbeatMs, sequencer: 'auditor-1' }),
    async empty() {
      await sql`truncate ledger.commands, audit.records, audit.personal, audit.pending, audit.leaves, audit.tile_hashes,
        audit.checkpoints, audit.heartbeats, audit.erasures, audit.erased, audit.policy_activations`.execute(owner)
    },
    close: () => workspace.close(),
  }
}
