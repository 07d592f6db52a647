import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { User } from '../../../src/domain/command.ts'
import { type RowFilter, allOf, negate } from '../../../src/domain/row-filter.ts'
import { rowMatches } from '../../../src/domain/row-matches.ts'
import { type ParityBench, type SeenRow, openParityBench } from './bench.ts'
import { policies, rows, users } from './generate.ts'
import { SHAPES } from './shapes.ts'

/** Seed and size of the run: the same seed is the same run. `PARITY_POLICIES=5000` asks for more. */
const SEED = Number(process.env['PARITY_SEED'] ?? Date.now() % 1_000_000_000)
const POLICIES = Number(process.env['PARITY_POLICIES'] ?? 300)

let bench: ParityBench

beforeAll(async () => {
  bench = await openParityBench()
})
afterAll(() => bench.close())

const generated = () =>
  fc.sample(fc.record({ policy: policies, user: users, rows, shape: fc.constantFrom(...SHAPES) }), {
    seed: SEED,
    numRuns: POLICIES * 2,
  })

/** Policies on which a trusted filter acts on too much, whatever the seed. */
const BLURRED = [
  'allow if {\n\tx := input.resource.a\n\tnot x == "a"\n}',
  'allow if true\n\nallow := false if input.resource.flag == true',
]
/** Policies whose condition is too narrow after a partial evaluation, unless its reader knows better. */
/** An equality of an attribute with itself vanishes from a partial evaluation, by whatever name. */
const SELF_EQUAL = [
  'deny if input.resource.a == input.resource.a\n\nallow if not deny',
  'same(x, y) if x == y\n\nallow if not same(input.resource.a, input.resource.a)',
  'deny if {\n\tx := input.resource.a\n\tx == input.resource.a\n}\n\nallow if not deny',
  'allow if input.user.id == "ann"\n\nallow := false if input.resource.a == input.resource.a',
]
const FORGETFUL = ['denied if {\n\tx := input.resource.a\n\tnot x == "b"\n}\n\nallow if not denied']

const within = (filter: RowFilter, all: readonly SeenRow[]) =>
  all.filter((row) => rowMatches(filter, row)).map(({ id }) => id)
const missing = (wanted: readonly string[], from: readonly string[]) => wanted.filter((id) => !from.includes(id))

test(`for ${POLICIES} policies (seed ${SEED}) a collection acts on the rows that are allowed by id, and on no other`, async () => {
  const found = { policies: 0, rows: 0, allowed: 0, denied: 0, erring: 0, widened: 0, exact: 0, trustedCaught: 0 }
  for (const { policy, user, rows: all, shape } of generated()) {
    if (found.policies === POLICIES) break
    if (!(await bench.load(policy, all, shape))) continue
    const { allowed, erring } = await bench.decideById(user, 'read')
    const { filter, widened } = await bench.compile(user, 'read')
    const told = `PARITY_SEED=${SEED} ${shape.name}\n${policy}\nuser ${JSON.stringify(user)}\nfilter ${JSON.stringify(filter)}`

    const selected = await bench.select(filter)
    expect(selected, `the filter means in memory what it means in SQL: ${told}`).toEqual(
      within(filter, await bench.seen()),
    )
    expect(missing(allowed, selected), `the filter hides rows that are allowed: ${told}`).toEqual([])

    const read = await bench.command(user, 'read')
    expect(read.rows, `a read returns others than those allowed: ${told}`).toEqual(allowed)
    expect(read.undecided, `rows on which the policies err: ${told}`).toBe(
      read.waits ? 0 : erring.filter((id) => selected.includes(id)).length,
    )
    const update = await bench.decideById(user, 'update')
    await bench.command(user, 'update')
    expect(await bench.changed(), `an update changes others than those allowed: ${told}`).toEqual(update.allowed)

    found.policies += 1
    found.rows += all.length
    found.allowed += allowed.length
    found.denied += all.length - allowed.length
    found.erring += erring.length
    found[widened.length > 0 ? 'widened' : 'exact'] += 1
    if (String(selected) !== String(allowed)) found.trustedCaught += 1
  }
  // The corpus means something: it has policies of every kind, and trusting a filter would show.
  expect(found.policies).toBe(POLICIES)
  for (const [what, times] of Object.entries(found)) expect([what, times > 0]).toEqual([what, true])
}, 900_000)

describe('the property finds', () => {
  const rowsOf = fc.sample(rows, { seed: SEED, numRuns: 1 })[0] ?? []
  const user: User = { id: 'ann', role: 'user' }
  const load = (rules: string) => bench.load(`package data_filter\n\ndefault allow := false\n\n${rules}`, rowsOf)

  test.each(BLURRED)('a filter that is trusted: %s', async (rules) => {
    await load(rules)
    const { allowed } = await bench.decideById(user, 'read')
    const { filter } = await bench.compile(user, 'read')
    expect(missing(await bench.select(filter), allowed)).not.toEqual([])
    expect((await bench.command(user, 'read')).rows).toEqual(allowed)
  })

  test.each(SELF_EQUAL)('a condition that is lost: %s', async (rules) => {
    await load(rules)
    const { allowed } = await bench.decideById(user, 'read')
    const { filter } = await bench.compile(user, 'read')
    expect(missing(allowed, await bench.select(filter))).toEqual([])
    expect((await bench.command(user, 'read')).rows).toEqual(allowed)
  })

  test.each(FORGETFUL)('a filter that is too narrow: %s', async (rules) => {
    await load(rules)
    const { allowed } = await bench.decideById(user, 'read')
    const { filter } = await bench.compile(user, 'read')
    expect(missing(allowed, await bench.select(filter))).toEqual([])
    // As OPA says it: the attribute has to be there.
    const narrow = allOf([
      filter,
      negate({ kind: 'where', condition: { op: 'not', condition: { op: 'present', attribute: 'a' } } }),
    ])
    expect(missing(allowed, await bench.select(narrow))).not.toEqual([])
  })
})
