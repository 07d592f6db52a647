import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { User } from '../../../src/domain/command.ts'
import { openCaseBench } from './bench.ts'

/** Policies as people wrote them, with rows, users and what each may do. */
const DROP_INS = 'test/system/cases/drop-ins'

const Scenario = z.object({
  rows: z.array(z.looseObject({ id: z.string() })),
  users: z.record(z.string(), User),
  actions: z.array(z.enum(['read', 'update'])).default(['read', 'update']),
})

/**
 * The right answers where the product once gave wrong ones: who may read which invoices. A policy that errs on a row, as
 * one with two values for `allow` does, gives nobody that row.
 */
const RIGHT: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  '01-deny-by-false': { mgr: ['i1', 'i4'], usr: [] },
  '01-h-manager-dept-except': { mgr: ['i3'], usr: [] },
  '01-j-conflict-in-data-filter': { mgr: ['i1', 'i4'], usr: [] },
  '14-q-set-literal-lookup': { mgr: ['i2', 'i3', 'i5', 'i6'], usr: ['i1'], bare: ['i1'] },
  '14-zf-not-function-of-value': { mgr: ['i1'] },
  '14-zg-not-local': { mgr: ['i1'] },
  '14-zi-not-function-compares': { mgr: ['i1'] },
  '15-a-fn-catchall-true': { mgr: ['i1', 'i4'], usr: ['i1', 'i4'] },
  '15-b-fn-catchall-false': { mgr: [], usr: [] },
  '02-default-true': { mgr: ['i1', 'i4'], gst: ['i1', 'i4'] },
  '07-else': { mgr: ['i1', 'i4'], usr: ['i1'] },
}

let bench: Awaited<ReturnType<typeof openCaseBench>>

beforeAll(async () => {
  bench = await openCaseBench()
})
afterAll(() => bench.close())

const cases = (await readdir(DROP_INS)).toSorted((a, b) => a.localeCompare(b))

test('every case whose right answer is known is here', () => {
  expect(cases).toEqual(expect.arrayContaining(Object.keys(RIGHT)))
})

test.each(cases)('%s: a collection, commands by id and explain agree', async (name) => {
  const scenario = Scenario.parse(JSON.parse(await readFile(join(DROP_INS, name, 'scenario.json'), 'utf8')))
  await bench.load(join(DROP_INS, name, 'policies'), scenario.rows)
  for (const [who, user] of Object.entries(scenario.users))
    for (const action of scenario.actions) {
      const told = `${who} ${action}`
      const byId = await bench.byId(user, action)
      expect([told, await bench.collection(user, action)]).toEqual([told, byId])
      expect([told, await bench.explained(user, action)]).toEqual([told, byId])
      const right = action === 'read' ? RIGHT[name]?.[who] : undefined
      expect([told, byId]).toEqual([told, right ?? byId])
    }
})
