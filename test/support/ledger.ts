import { sql } from 'kysely'
import { z } from 'zod'
import { Outcome } from '../../src/domain/outcome.ts'
import type { Database } from '../../src/storage/database.ts'

/** Polls until `look` gives a value. A condition in another process has no event to wait for. */
export async function eventually<Found>(look: () => Promise<Found | undefined>, withinMs = 30_000): Promise<Found> {
  const deadline = Date.now() + withinMs
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (Date.now() > deadline) throw new Error(`it did not come true within ${withinMs} ms: ${String(look)}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** The recorded outcomes of these commands, once all of them have one. */
export async function outcomesOf(
  owner: Database,
  ids: readonly string[],
  withinMs?: number,
): Promise<ReadonlyMap<string, Outcome>> {
  return eventually(async () => {
    const recorded = await recordedOutcomes(owner, ids)
    return recorded.size === ids.length ? recorded : undefined
  }, withinMs)
}

/** The outcomes that are recorded by now. */
export async function recordedOutcomes(owner: Database, ids: readonly string[]): Promise<Map<string, Outcome>> {
  const { rows } = await sql<{ id: string; detail: unknown }>`
    select id, detail from ledger.commands where id in (select jsonb_array_elements_text(${JSON.stringify(ids)}::jsonb))
  `.execute(owner)
  return new Map(rows.map(({ id, detail }) => [id, Outcome.parse(detail)]))
}

/** The ids in the audit trail, each as often as it is there. */
export async function trailIds(owner: Database): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`select id from audit.records order by seq`.execute(owner)
  return rows.map(({ id }) => id)
}

/** The texts that a read returned in one of its columns. */
export function textsOf(outcome: Outcome | undefined, column: string): string[] {
  const rows = outcome?.outcome === 'executed' ? (outcome.rows ?? []) : []
  return rows.map((row) => z.string().parse(row[column]))
}
