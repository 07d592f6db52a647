import { readFile } from 'node:fs/promises'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { type OpenProducer, openProducer } from '../../../src/producer/open-producer.ts'
import { Outcome } from '../../../src/domain/outcome.ts'
import { runningServers } from '../../../devkit/server-process.ts'
import type { Running } from '../../../src/process/run-process.ts'
import { PEOPLE, aCommand } from '../../support/a-command.ts'
import { type BundleBench, openBundleBench } from '../../support/bundle-bench.ts'
import { startBundledOpa } from '../../support/bundled-opa.ts'
import { eventually, outcomesOf, textsOf } from '../../support/ledger.ts'
import { type Stack, seedDocuments, startStack } from '../../support/stack.ts'
import { startWorkers } from '../../support/workers.ts'

const REVISIONS = ['r1', 'r2', 'r3', 'r4'] as const
const SWAPS = 24
const ROUND = 200

let stack: Stack
let bench: BundleBench
let server: Running
let workers: Running
let queue: OpenProducer

beforeAll(async () => {
  stack = await startStack()
  await seedDocuments(stack.owner)
  bench = await openBundleBench(stack.workspace)
  server = await bench.start()
})
afterAll(async () => {
  await workers.close()
  await queue.close()
  await stack.close()
  await server.close()
  expect(runningServers()).toEqual([])
})

/** Reads that are allowed and denied, by id and on collections: what each ends in tells which policies decided. */
function aRound() {
  const all = { type: 'document', where: { owner: 'user_123' } }
  return Array.from({ length: ROUND }, (_, index) => {
    if (index % 20 === 0) return aCommand({ resource: all })
    return aCommand(index % 2 === 0 ? {} : { user: PEOPLE.guest })
  })
}

const Entry = z.object({ id: z.string(), statement: z.string(), detail: Outcome, policy_revision: z.string() })

/** What the ledger holds of these commands, in order, with the statement that wrote each. */
async function entries(ids: readonly string[]) {
  const { rows } = await sql`
    select id, xmin::text as statement, detail, policy_revision from ledger.commands
     where id in (select jsonb_array_elements_text(${JSON.stringify(ids)}::jsonb)) order by recorded_at`.execute(
    stack.owner,
  )
  return z.array(Entry).parse(rows)
}

async function revisionsInLedger(): Promise<Set<string>> {
  const { rows } = await sql<{ policy_revision: string }>`
    select distinct policy_revision from ledger.commands where policy_revision is not null`.execute(stack.owner)
  return new Set(rows.map(({ policy_revision: revision }) => revision))
}

/** Every revision that the outcome shows to have had a part in it. */
function witnesses(outcome: Outcome): string[] {
  if (outcome.outcome === 'denied') return outcome.reasons.map(({ message }) => message)
  if (outcome.outcome === 'executed') return textsOf(outcome, 'data')
  throw new Error(`no command of this test ends as ${outcome.outcome}`)
}

test('while bundles swap under load, every decision names the one revision that made it, and a batch has but one', async () => {
  const files = await Promise.all(REVISIONS.map((revision) => bench.make({ revision }).then((file) => readFile(file))))
  const push = (index: number) =>
    bench.client('pipeline').push('production', files[index % files.length] ?? Buffer.of())
  await push(0)
  const opa = await startBundledOpa(bench, { instance: 'worker-1' })
  const config = stack.config({
    JOBWARDEN_OPA_URL: opa.url,
    JOBWARDEN_SWEEP_MS: '200',
    JOBWARDEN_BUNDLES_URL: bench.url,
    JOBWARDEN_BUNDLES_TOKEN_FILE: bench.tokenFile('auditor'),
  })
  workers = await startWorkers(config)
  queue = await openProducer(config, { lifetimeMs: 600_000, tracing: false })

  const ids: string[] = []
  const state = { swapping: true }
  const load = (async () => {
    while (state.swapping) {
      const commands = aRound()
      const { rejected } = await queue.producer.enqueue(commands)
      expect(rejected).toEqual([])
      ids.push(...commands.map(({ id }) => id))
      await outcomesOf(
        stack.owner,
        commands.slice(-1).map(({ id }) => id),
      ) // A queue that is full for minutes shows nothing.
    }
  })()
  let swaps = 0
  const missing = async () => REVISIONS.length - (await revisionsInLedger()).size
  // A machine under load may swap a revision away before it has decided anything.
  while (swaps < SWAPS || (await missing()) > 0) await push((swaps += 1))
  state.swapping = false
  await load
  await outcomesOf(stack.owner, ids)

  const found = await entries(ids)
  expect(found).toHaveLength(ids.length)
  for (const { id, detail, policy_revision: revision } of found) {
    const said = new Set(witnesses(detail))
    expect({ id, said }).toEqual({ id, said: new Set([`says ${revision}`]) })
  }
  expect(new Set(found.map(({ policy_revision }) => policy_revision))).toEqual(new Set(REVISIONS))

  const byStatement = Map.groupBy(found.filter(isById), ({ statement }) => statement)
  const revisionsOfBatches = [...byStatement.values()].map((rows) => new Set(rows.map((row) => row.policy_revision)))
  expect(revisionsOfBatches.filter((revisions) => revisions.size !== 1)).toEqual([])
  expect(found.length / byStatement.size).toBeGreaterThan(5) // Or a batch of one would prove nothing.
  process.stdout.write(`${found.length} commands in ${byStatement.size} batches, ${swaps} swaps\n`)
})

function isById({ detail }: z.infer<typeof Entry>): boolean {
  return detail.outcome === 'denied' || (detail.outcome === 'executed' && detail.rows?.length === 1)
}

test('each release that took effect is one record of the trail, and none that did not', async () => {
  const Row = z.object({
    revision: z.string(),
    digest: z.string(),
    pushed_at: z.date(),
    signed_by: z.string(),
    first_seen_by: z.string(),
  })
  const { activations } = await bench.client('auditor').activations('production', 0)
  const records = await eventually(async () => {
    const { rows } = await sql`
      select revision, digest, pushed_at, signed_by, first_seen_by from audit.policy_activations order by seq`.execute(
      stack.owner,
    )
    return rows.length === activations.length ? z.array(Row).parse(rows) : undefined
  })
  expect(records.length).toBeGreaterThan(REVISIONS.length)
  expect(records).toEqual(
    activations.map(({ revision, digest, pushedAt, signedBy, sidecar }) => ({
      revision,
      digest,
      pushed_at: new Date(pushedAt),
      signed_by: signedBy,
      first_seen_by: sidecar,
    })),
  )
})
