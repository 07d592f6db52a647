import fc from 'fast-check'
import type { User } from '../../src/domain/command.ts'
import type { Row } from '../../src/domain/outcome.ts'

/** Texts that trip string code: wildcards, quotes, Unicode of all planes, near twins, numbers, other letter orders. */
const TEXTS = [
  '',
  'a',
  'A',
  'b',
  'B',
  'ab',
  'a%b',
  '%',
  '_',
  'a_',
  "it's",
  '"',
  '\\',
  '\\%',
  'é',
  'e\u0301',
  'ß',
  'ss',
].concat(['z', 'Z', '\uffff', '😀', '10', '9', 'null', 'true', ' ', 'a b', '\t'])
const BIGS = [
  '9007199254740993',
  '9007199254740992',
  '-9223372036854775808',
  '9223372036854775807',
  '10',
  '9',
  '-5',
  '0',
]
const INTEGERS = [-2147483648, -1, 0, 1, 2, 9, 10, 2147483647]

const text = fc.constantFrom(...TEXTS)
const scalar = fc.oneof(
  { weight: 6, arbitrary: text },
  { weight: 3, arbitrary: fc.constantFrom<string | number | boolean | null>(...INTEGERS, 1.5, -0.5) },
  { weight: 2, arbitrary: fc.constantFrom<string | number | boolean | null>(...BIGS) },
  { weight: 2, arbitrary: fc.boolean() },
  { weight: 1, arbitrary: fc.constant(null) },
)
const maybe = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: null, freq: 4 })

/** A row of the test table: every column but the id may have no value. */
export const rows: fc.Arbitrary<Row[]> = fc
  .array(
    fc.record({
      a: maybe(text),
      b: maybe(text),
      n: maybe(fc.constantFrom(...INTEGERS)),
      big: maybe(fc.constantFrom(...BIGS)),
      flag: maybe(fc.boolean()),
    }),
    { minLength: 50, maxLength: 50 },
  )
  .map((all) => all.map((row, index) => ({ id: `row_${String(index).padStart(2, '0')}`, ...row })))

export const users: fc.Arbitrary<User> = fc.record(
  {
    id: text,
    role: text,
    department: text,
    level: fc.constantFrom(...INTEGERS),
    teams: fc.array(text, { maxLength: 3 }),
  },
  { requiredKeys: ['id', 'role'] },
)

const column = fc.constantFrom('a', 'b', 'n', 'big', 'flag', 'id', 'undeclared').map((name) => `input.resource.${name}`)
const known = fc.oneof(
  { weight: 4, arbitrary: scalar.map((value) => JSON.stringify(value)) },
  { weight: 1, arbitrary: fc.constantFrom('input.user.id', 'input.user.department', 'input.user.level') },
)
const operator = fc.constantFrom('==', '!=', '<', '<=', '>', '>=')
const comparison = fc
  .oneof(
    { weight: 5, arbitrary: fc.tuple(column, operator, known) },
    // A column with itself is outside the fragment: OPA says so.
    { weight: 1, arbitrary: fc.tuple(column, operator, column).filter(([left, , right]) => left !== right) },
  )
  .map((parts) => parts.join(' '))
const membership = fc.oneof(
  fc
    .tuple(column, fc.array(scalar, { minLength: 1, maxLength: 4 }))
    .map(([left, values]) => `${left} in ${JSON.stringify(values)}`),
  column.map((left) => `${left} in input.user.teams`),
)
const textColumn = fc.constantFrom('a', 'b', 'big', 'id', 'undeclared').map((name) => `input.resource.${name}`)
const textTest = fc
  .tuple(fc.constantFrom('startswith', 'endswith', 'contains'), textColumn, text)
  .map(([name, left, part]) => `${name}(${left}, ${JSON.stringify(part)})`)
const onType = fc.constantFrom('input.resource.type == "sample"', 'input.resource.type != "sample"')
const plain = fc.oneof(
  { weight: 8, arbitrary: comparison },
  { weight: 2, arbitrary: membership },
  { weight: 2, arbitrary: textTest },
  { weight: 1, arbitrary: onType },
)
const condition = fc.oneof(
  { weight: 3, arbitrary: plain },
  { weight: 1, arbitrary: plain.map((inner) => `not ${inner}`) },
)

/** A `data_filter` within the fragment that OPA translates: rules in "or", conditions in "and", negations inside. */
export const policies: fc.Arbitrary<string> = fc
  .array(fc.array(condition, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 3 })
  .map((rules) =>
    [
      'package data_filter',
      'import rego.v1',
      'default allow := false',
      ...rules.map((body) => `allow if {\n\t${body.join('\n\t')}\n}`),
    ].join('\n\n'),
  )
