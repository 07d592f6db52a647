import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Json, canonicalJson } from '../../../src/audit/tree/canonical-json.ts'

describe('the vectors of RFC 8785', () => {
  test('members are in the order of their UTF-16 units', () => {
    const value = {
      '\u20ac': 'Euro Sign',
      '\r': 'Carriage Return',
      '\ufb33': 'Hebrew Letter Dalet With Dagesh',
      '1': 'One',
      '\ud83d\ude00': 'Emoji: Grinning Face',
      '\u0080': 'Control',
      '\u00f6': 'Latin Small Letter O With Diaeresis',
    }
    expect(canonicalJson(value)).toBe(
      '{"\\r":"Carriage Return","1":"One","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis",' +
        '"\u20ac":"Euro Sign","\ud83d\ude00":"Emoji: Grinning Face","\ufb33":"Hebrew Letter Dalet With Dagesh"}',
    )
  })

  test('strings are escaped as little as JSON allows', () => {
    expect(canonicalJson('\u20ac$\u000f\u000aA\'\u0042\u0022\u005c\\"/')).toBe('"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"')
    expect(canonicalJson('\b\t\n\f\r\u001f\u007f\u2028\u2029')).toBe('"\\b\\t\\n\\f\\r\\u001f\u007f\u2028\u2029"')
  })
})

test.each<readonly [Json, string]>([
  [null, 'null'],
  [true, 'true'],
  [0, '0'],
  [-0, '0'],
  [2 ** 53 - 1, '9007199254740991'],
  [-(2 ** 53 - 1), '-9007199254740991'],
  [[], '[]'],
  [{}, '{}'],
  [{ b: 1, a: [1, 'x', { d: null, c: false }] }, '{"a":[1,"x",{"c":false,"d":null}],"b":1}'],
  [{ 10: 'ten', 9: 'nine', a: 1 }, '{"10":"ten","9":"nine","a":1}'],
  [{ there: 1, absent: undefined }, '{"there":1}'],
])('%j is %s', (value, text) => {
  expect(canonicalJson(value)).toBe(text)
})

test.each<Json>([
  0.1,
  2 ** 53,
  -(2 ** 53),
  1e21,
  Number.NaN,
  Infinity,
  '\ud800',
  'a\udc00b',
  { '\ud800': 1 },
  [['\udfff']],
])('%j has no canonical spelling', (value) => {
  expect(() => canonicalJson(value)).toThrow(/JW_UNEXPECTED/)
})

test('no order of members and no way through JSON changes a spelling', () => {
  const leaf = fc.oneof(fc.string({ unit: 'grapheme' }), fc.maxSafeInteger(), fc.boolean(), fc.constant(null))
  const { json } = fc.letrec<{ json: Json }>((tie) => ({
    json: fc.oneof({ maxDepth: 4 }, leaf, fc.array(tie('json')), fc.dictionary(fc.string(), tie('json'))),
  }))
  fc.assert(
    fc.property(json, (value) => {
      const text = canonicalJson(value)
      const read: Json = JSON.parse(text)
      expect(canonicalJson(read)).toBe(text)
      expect(canonicalJson(reversed(read))).toBe(text)
    }),
  )
})

function reversed(value: Json): Json {
  if (Array.isArray(value)) return value.map(reversed)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([name, member]) => [name, member === undefined ? undefined : reversed(member)]),
  )
}
