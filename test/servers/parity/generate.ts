import fc from 'fast-check'
import type { User } from '../../../src/domain/command.ts'
import { BIGS, DAYS, DOCUMENTS, INTEGERS, LISTS, MOMENTS, NUMERICS, POOLS, REFS, TEXTS, WRITTEN } from './values.ts'

const text = fc.constantFrom(...TEXTS)
const scalar = fc.oneof(
  { weight: 6, arbitrary: text },
  { weight: 3, arbitrary: fc.constantFrom<string | number | boolean | null>(...INTEGERS, 1.5, -0.5) },
  { weight: 2, arbitrary: fc.constantFrom<string | number | boolean | null>(...BIGS) },
  { weight: 3, arbitrary: fc.constantFrom<string | number | boolean | null>(...WRITTEN) },
  { weight: 2, arbitrary: fc.boolean() },
  { weight: 1, arbitrary: fc.constant(null) },
)
const maybe = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: null, freq: 3 })

/** What a row of the test table holds, by attribute. Every one may have no value. */
export type GeneratedRow = { readonly a: string | null } & Readonly<Record<string, unknown>>

export const rows: fc.Arbitrary<GeneratedRow[]> = fc.array(
  fc.record({
    a: maybe(text),
    b: maybe(text),
    n: maybe(fc.constantFrom(...INTEGERS)),
    big: maybe(fc.constantFrom(...BIGS)),
    flag: maybe(fc.boolean()),
    ref: maybe(fc.constantFrom(...REFS)),
    num: maybe(fc.constantFrom(...NUMERICS)),
    at: maybe(fc.constantFrom(...MOMENTS)),
    day: maybe(fc.constantFrom(...DAYS)),
    tags: maybe(fc.constantFrom(...LISTS)),
    meta: maybe(fc.constantFrom(...DOCUMENTS)),
  }),
  { minLength: 40, maxLength: 40 },
)

export const users: fc.Arbitrary<User> = fc.record(
  {
    id: text.filter((id) => id !== ''),
    role: text.filter((role) => role !== ''),
    department: text,
    level: fc.constantFrom(...INTEGERS),
    teams: fc.array(text, { maxLength: 3 }),
  },
  { requiredKeys: ['id', 'role'] },
)

const value = scalar.map((each) => JSON.stringify(each))
const NAMES = [
  'a',
  'a',
  'b',
  'n',
  'big',
  'flag',
  'id',
  'ref',
  'num',
  'at',
  'day',
  'tags',
  'meta',
  'undeclared',
] as const
const column = fc.constantFrom(...NAMES).map((name) => `input.resource.${name}`)
const textColumn = fc
  .constantFrom('a', 'b', 'big', 'id', 'ref', 'num', 'at', 'day')
  .map((name) => `input.resource.${name}`)
const known = fc.oneof(
  { weight: 4, arbitrary: value },
  { weight: 1, arbitrary: fc.constantFrom('input.user.id', 'input.user.department', 'input.user.level') },
)
const operator = fc.constantFrom('==', '!=', '<', '<=', '>', '>=')
const joined = (...parts: readonly (fc.Arbitrary<string> | string)[]) =>
  fc.tuple(...parts.map((part) => (typeof part === 'string' ? fc.constant(part) : part))).map((all) => all.join(''))

const fitting = fc.constantFrom(...Object.entries(POOLS)).chain(([name, pool]) =>
  fc.oneof(
    fc
      .tuple(fc.constantFrom('==', '==', '!=', '<', '>='), fc.constantFrom(...pool))
      .map(([sign, own]) => `input.resource.${name} ${sign} ${JSON.stringify(own)}`),
    fc
      .array(fc.constantFrom(...pool), { minLength: 1, maxLength: 3 })
      .map((texts) => `input.resource.${name} in ${JSON.stringify(texts)}`),
  ),
)

/** Conditions that a filter says exactly. */
const plain = fc.oneof(
  { weight: 5, arbitrary: fitting },
  { weight: 6, arbitrary: joined(column, ' ', operator, ' ', known) },
  { weight: 1, arbitrary: joined(known, ' ', operator, ' ', column) },
  {
    weight: 1,
    arbitrary: fc.tuple(column, operator, column).map((parts) => parts.join(' ')),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(column, fc.array(scalar, { minLength: 1, maxLength: 4 }))
      .map(([left, values]) => `${left} in ${JSON.stringify(values)}`),
  },
  { weight: 1, arbitrary: joined(column, ' in input.user.teams') },
  { weight: 2, arbitrary: joined(fc.oneof(known, value), ' in input.resource.tags') },
  { weight: 1, arbitrary: joined('input.resource.tags[_] == ', known) },
  {
    weight: 2,
    arbitrary: joined(
      fc.constantFrom('startswith', 'endswith', 'contains'),
      '(',
      textColumn,
      ', ',
      text.map((part) => JSON.stringify(part)),
      ')',
    ),
  },
  { weight: 1, arbitrary: fc.constantFrom('input.resource.type == "sample"', 'input.resource.type != "sample"') },
  { weight: 1, arbitrary: column },
)

/** Conditions that blur or vanish in a partial evaluation, that err, or that no column can say. `#` makes names its own. */
const odd = fc.oneof(
  joined('x# := ', column, '\n\tnot x# == ', value),
  joined('x# := ', column, '\n\tx# != ', value),
  joined('x# := ', column, '\n\tinput.user.id != ""'),
  joined('r# := input.resource\n\tnot r#.a == ', value),
  joined('some t# in input.resource.tags\n\tt# == ', known),
  joined('some t# in input.resource.tags\n\tnot t# == ', known),
  joined('every t in input.resource.tags {\n\t\tt != ', value, '\n\t}'),
  joined('not input.resource.tags[_] == ', value),
  joined('i# := 0\n\tinput.resource.tags[i#] == ', value),
  joined('some i#\n\tinput.resource.tags[i#] == ', value, '\n\ti# > 0'),
  joined(column, ' in input.resource.tags'),
  joined(column, ' in input.resource.meta'),
  joined(value, ' in input.resource.meta'),
  fc.constantFrom(
    'count(input.resource.tags) > 0',
    'input.resource.tags == ["a"]',
    'input.resource.meta == {"a": "a"}',
  ),
  fc.constantFrom('input.resource.meta.a == "a"', 'not input.resource.meta.a', 'input.resource.meta.a.b[_] > 0'),
  fc.constantFrom(
    'input.resource.meta == input.resource.a',
    'input.resource.meta == input.resource.meta',
    'input.resource.meta > 0',
  ),
  fc.constantFrom(
    'time.parse_rfc3339_ns(input.resource.at) > 0',
    'to_number(input.resource.num) > 1',
    'not is_null(input.resource.meta)',
  ),
  joined('is_it(', column, ')'),
  joined('not is_it(', column, ')'),
  joined('not is_not(', column, ')'),
  joined('is_not(', column, ')'),
  joined('graded(', column, ') == ', fc.constantFrom('1', '2')),
  joined('listed[', column, ']'),
  joined('not listed[', column, ']'),
  joined('heads[', column, '] == ', known),
  joined('not heads[', column, '] == ', known),
  fc.constantFrom('helper', 'not helper', 'blocked == false', 'not blocked', 'blocked', 'count(denials) == 0'),
  fc.constantFrom(
    'denials == set()',
    'count(denials) > 0',
    'verdict == "yes"',
    'verdict != "no"',
    'not verdict == "no"',
  ),
  fc.constantFrom('some _, most in ceilings\n\tinput.resource.n < most', 'not every_one', 'every_one'),
  fc.constantFrom('to_number(input.resource.a) > 3', 'not to_number(input.resource.big) > 3', 'not failing', 'failing'),
  joined(
    'regex.match(input.resource.a, ',
    text.map((part) => JSON.stringify(part)),
    ')',
  ),
  fc.constantFrom('startswith(input.resource.n, "a")', 'not contains(input.resource.flag, "a")'),
  fc.constantFrom('time.now_ns() > 0', 'time.now_ns() < 0', 'not time.now_ns() < 0'),
  fc.constantFrom('helper with input.user.role as "admin"', 'not helper with input.resource.a as "a"'),
  joined('count([1 | some t in input.user.teams; t == ', column, ']) > 0'),
  joined('every t in input.user.teams {\n\t\tt != ', column, '\n\t}'),
  joined('some k#, v# in input.resource\n\tv# == ', value),
  joined('object.get(input.resource, "a", "a") == ', value),
  joined('lower(', textColumn, ') == ', value),
  joined(column, ' in {"a", input.resource.b}'),
  joined('not ', column, ' in {"a", input.resource.b}'),
  joined('input.resource.n + 1 > ', fc.constantFrom('1', 'input.user.level')),
  fc.constantFrom(
    'input.resource[input.resource.a] == "a"',
    'count(input.resource) > 4',
    'not is_string(input.resource.a)',
  ),
)
const condition = fc.oneof(
  { weight: 4, arbitrary: plain },
  { weight: 2, arbitrary: plain.map((inner) => `not ${inner}`) },
  { weight: 4, arbitrary: odd },
)
const small = fc.oneof(
  { weight: 3, arbitrary: plain },
  { weight: 2, arbitrary: plain.map((inner) => `not ${inner}`) },
  { weight: 2, arbitrary: joined('x# := ', column, '\n\tnot x# == ', value) },
  { weight: 1, arbitrary: joined('not is_it(', column, ')') },
  { weight: 1, arbitrary: fc.constant('to_number(input.resource.a) > 1') },
)
const body = (from: fc.Arbitrary<string>, most = 2) =>
  fc
    .array(from, { minLength: 1, maxLength: most })
    .map((all) => all.map((each, index) => `\t${each.replaceAll('#', String(index))}`).join('\n'))

/** Rules that conditions refer to. Rules that nobody refers to are no matter to OPA. */
const helpers = fc
  .record({ helper: fc.array(body(small), { minLength: 1, maxLength: 2 }), blocked: body(small), denials: body(small) })
  .chain(({ helper, blocked, denials }) =>
    fc
      .tuple(value, value, body(small), body(small), body(small))
      .map(([first, second, yes, no, failing]) =>
        [
          ...helper.map((each) => `helper if {\n${each}\n}`),
          `default blocked := false\n\nblocked if {\n${blocked}\n}`,
          `denials contains "one" if {\n${denials}\n}`,
          `denials contains input.resource.b if input.resource.a == ${first}`,
          `verdict := "yes" if {\n${yes}\n} else := "no" if {\n${no}\n} else := "maybe"`,
          `failing if {\n${failing}\n\tx := input.resource.a\n\tnot to_number(x) < 3\n}`,
          `is_it(x) if x == ${first}\n\nis_it(x) if x == ${second}`,
          `is_not(x) if not x == ${first}`,
          `default graded(_) := 1\n\ngraded(x) := 2 if x == ${second}`,
          `listed := {${first}, "a"}`,
          `heads := {${JSON.stringify(first)}: "a", "a": ${second}, "b": false}`,
          `ceilings[n] := 5 if n := input.resource.a\n\nceilings[n] := 9 if {\n\tn := input.resource.a\n\tinput.resource.flag == true\n}`,
          `every_one if every t in input.user.teams {\n\tx := input.resource.a\n\tnot x == t\n}`,
        ].join('\n\n'),
      ),
  )

const rules = fc.array(body(condition, 3), { minLength: 1, maxLength: 3 })
const allows = fc.oneof(
  { weight: 6, arbitrary: rules.map((all) => all.map((each) => `allow if {\n${each}\n}`).join('\n\n')) },
  // A second value, and a chain: what a partial evaluation says of them is not what a decision does.
  {
    weight: 2,
    arbitrary: fc
      .tuple(rules, body(condition))
      .map(([all, no]) =>
        [...all.map((each) => `allow if {\n${each}\n}`), `allow := false if {\n${no}\n}`].join('\n\n'),
      ),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(body(condition), body(condition))
      .map(([no, yes]) => `allow := false if {\n${no}\n} else := true if {\n${yes}\n}`),
  },
)
const fallback = fc.constantFrom('default allow := false', 'default allow := false', 'default allow := true')

/** A `data_filter` of any kind that people write. Some of them do not compile: those are no policies. */
export const policies: fc.Arbitrary<string> = fc
  .tuple(fallback, allows, helpers)
  .map((parts) => ['package data_filter', ...parts].join('\n\n'))
