/** Texts that trip string code: wildcards, quotes, Unicode of all planes, near twins, numbers, other letter orders. */
export const TEXTS = ['', 'a', 'A', 'b', 'B', 'ab', 'a%b', '%', '_', 'a_', "it's", '"', '\\', '\\%'].concat([
  'é',
  'e\u0301',
  'ß',
  'ss',
  'z',
  'Z',
  '\uffff',
  '😀',
  '10',
  '9',
  'null',
  'true',
  ' ',
  'a b',
  '\t',
])
export const BIGS = ['9007199254740993', '9007199254740992', '-9223372036854775808', '9223372036854775807'].concat([
  '10',
  '9',
  '-5',
  '0',
])
export const REFS = ['0b0e7f6a-1c2d-4e3f-8a9b-0c1d2e3f4a5b', 'ffffffff-ffff-4fff-bfff-ffffffffffff']
/** Equal numbers of other texts, and what is no number. */
export const NUMERICS = [
  '1.5',
  '1.50',
  '-0.1',
  '10',
  '9',
  '9007199254740993.000000000001',
  'NaN',
  'Infinity',
  '-Infinity',
]
/** Texts that sort as moments do, and those that do not. */
export const MOMENTS = [
  '2026-01-31T12:00:00.000000Z',
  '1999-12-31T23:59:59.999999Z',
  '0001-01-01T00:00:00.000000Z',
].concat(['10000-01-01T00:00:00.000000Z', '0044-03-15T12:00:00.000000Z BC', 'infinity', '-infinity'])
export const DAYS = ['2026-01-31', '1999-12-31', '10000-01-01', '0044-03-15 BC', 'infinity', '-infinity']
export const LISTS: readonly unknown[] = [
  [],
  ['a'],
  ['b', 'A'],
  ['a', null],
  [null],
  [['a'], ['b']],
  ['10', 'true', 'null'],
]
/** In a document, a null of its own; elsewhere it is a text like any other. */
export const JSON_NULL = 'the null of JSON'
export const DOCUMENTS: readonly unknown[] = [
  JSON_NULL,
  false,
  true,
  0,
  1.5,
  'a',
  '',
  [],
  ['a'],
  {},
  { a: 'a' },
  { a: { b: [1] } },
]
/** Ids of rows, in each spelling of a table. */
const IDS = ['row_03', '3', '03', '00000000-0000-4000-8000-000000000003', '4611686018427387907']
export const WRITTEN = [
  ...REFS,
  ...NUMERICS,
  ...MOMENTS,
  ...DAYS,
  ...IDS,
  REFS[0]?.toUpperCase() ?? '',
  '2026-01-31T12:00:00Z',
]

export const INTEGERS = [-2147483648, -1, 0, 1, 2, 9, 10, 2147483647]

/** Values of each column's own: comparisons with most others hold for no row. */
export const POOLS: Readonly<Record<string, readonly string[]>> = {
  big: BIGS,
  id: IDS,
  ref: [...REFS, REFS[0]?.toUpperCase() ?? ''],
  num: NUMERICS,
  at: [...MOMENTS, '2026-01-31T12:00:00Z'],
  day: DAYS,
}
