import { type Kysely, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Database } from '../../../src/storage/database.ts'
import { startWorkers } from '../../support/workers.ts'
import { openProducer } from '../../../src/producer/open-producer.ts'
import { brokenInvariants } from '../../support/invariants.ts'
import { eventually, outcomesOf, trailIds } from '../../support/ledger.ts'
import { type Stack, startStack } from '../../support/stack.ts'
import { type Workload, seedWorkload } from '../../support/workload.ts'

let stack: Stack
let workload: Workload

beforeAll(async () => {
  stack = await startStack()
  const config = stack.config()
  const workers = await startWorkers(config)
  const queue = await openProducer(config, { lifetimeMs: 600_000, tracing: false })
  workload = await seedWorkload(stack.owner, 2)
  await queue.producer.enqueue(workload.commands)
  const outcomes = await outcomesOf(stack.owner, [...workload.expected.keys()])
  const audited = [...outcomes.values()].filter(({ outcome }) => outcome === 'denied' || outcome === 'expired').length
  await eventually(async () => (await trailIds(stack.owner)).length === audited || undefined)
  await Promise.all([workers.close(), queue.close()])
})
afterAll(() => stack.close())

/** What is broken once `tamper` has run. Nothing of it lasts. */
async function brokenBy(tamper: (db: Database) => Promise<unknown>): Promise<Record<string, string[]>> {
  let broken = {}
  const undo = new Error('undo')
  await stack.owner
    .transaction()
    .execute(async (transaction) => {
      await tamper(transaction)
      broken = await brokenInvariants(transaction, workload)
      throw undo
    })
    .catch((error: unknown) => {
      if (error !== undo) throw error
    })
  return broken
}

const run = (text: string) => (db: Kysely<never>) => sql.raw(text).execute(db)
const runAll =
  (...texts: readonly string[]) =>
  async (db: Kysely<never>) => {
    for (const text of texts) await run(text)(db)
  }

test('nothing is broken when nobody has tampered', async () => {
  expect(await brokenInvariants(stack.owner, workload)).toEqual({})
})

const ONE_UPDATE = `(select id from ledger.commands where effect and action = 'update' and resource_id is not null limit 1)`
const ONE_READ = `(select id from ledger.commands where outcome = 'executed' and action = 'read' limit 1)`
const ONE_DENIAL = `(select id from audit.records limit 1)`
const NO_KEY = 'alter table ledger.commands drop constraint commands_pkey'
const NO_TRAIL_KEY = 'alter table audit.records drop constraint records_id_key'

describe('every invariant is seen to be broken', () => {
  test.each<[string, (db: Database) => Promise<unknown>, string, RegExp]>([
    [
      'a second outcome of a command',
      runAll(NO_KEY, `insert into ledger.commands select * from ledger.commands where id = ${ONE_READ}`),
      'I1',
      /has 2 outcomes/,
    ],
    ['a command without an outcome', run(`delete from ledger.commands where id = ${ONE_READ}`), 'I1', /has 0 outcomes/],
    ['a command that is lost', run(`delete from ledger.commands where id = ${ONE_READ}`), 'I4', /is lost/],
    [
      'a command that nobody sent',
      run(`update ledger.commands set id = 'made-up' where id = ${ONE_READ}`),
      'I4',
      /made-up is invented/,
    ],
    [
      'an effect without a decision',
      runAll(
        'alter table ledger.commands drop constraint effect_needs_decision',
        `update ledger.commands set input_digest = null where id = ${ONE_UPDATE}`,
      ),
      'I2',
      /of nobody/,
    ],
    [
      'an effect of a denial',
      runAll(
        'alter table ledger.commands drop constraint effect_needs_decision',
        `update ledger.commands set outcome = 'denied' where id = ${ONE_UPDATE}`,
      ),
      'I2',
      /was denied/,
    ],
    [
      'a decision on another input',
      run(`update ledger.commands set input_digest = repeat('0', 64) where id = ${ONE_UPDATE}`),
      'I2',
      /on the input 000/,
    ],
    [
      'an update that happened twice',
      run(`update resources.documents set version = version + 1`),
      'I3',
      /is at version 5 after 3 updates/,
    ],
    [
      'an update that did not happen',
      run(`update resources.documents set version = version - 1`),
      'I3',
      /is at version 3 after 3 updates/,
    ],
    ['a delete that nobody recorded', run('delete from resources.documents'), 'I3', /version none .* and 0 deletes/],
    [
      'a delete that did not happen',
      run(`insert into resources.documents select resource_id, 'back', '', '' from ledger.commands
            where effect and action = 'delete'`),
      'I3',
      /after 0 updates and 1 deletes/,
    ],
    ['a denial that the trail lacks', run(`delete from audit.records where id = ${ONE_DENIAL}`), 'I6', /has 0 records/],
    [
      'a denial that is in the trail twice',
      runAll(
        NO_TRAIL_KEY,
        `with twice as (
           insert into audit.records (id, outcome, reason_codes, queue, occurred_at)
           select id, outcome, reason_codes, queue, occurred_at from audit.records where id = ${ONE_DENIAL}
           returning seq, id
         )
         insert into audit.personal (seq, user_id, job_id, reasons, input_digest)
         select twice.seq, user_id, job_id, reasons, input_digest from twice join audit.denials using (id)`,
      ),
      'I6',
      /has 2 records/,
    ],
    [
      'a record of what was no denial',
      run(`update audit.records set id = ${ONE_READ} where id = ${ONE_DENIAL}`),
      'I6',
      /is the record of no denial/,
    ],
    [
      'a record that was changed',
      run(`update audit.personal set user_id = 'somebody_else' where seq = (select seq from audit.records limit 1)`),
      'I6',
      /is the record of no denial/,
    ],
  ])('%s', async (_what, tamper, invariant, words) => {
    const broken = await brokenBy(tamper)
    const found = Object.entries(broken).find(([name]) => name.startsWith(invariant))
    expect(found?.[1].join('\n')).toMatch(words)
  })
})
