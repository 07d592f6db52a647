import { expect, test } from 'vitest'
import { parseStrictJson } from '../../src/parsing/parse-json.ts'

const refused: readonly (readonly [string, string, string])[] = [
  ['a duplicate key', '{"a":1,"a":2}', 'duplicate_key'],
  ['a duplicate key deep inside', '{"x":[{"role":"user","role":"admin"}]}', 'duplicate_key'],
  ['a duplicate key written in two ways', '{"role":"user","r\\u006fle":"admin"}', 'duplicate_key'],
  ['__proto__', '{"__proto__":{"admin":true}}', 'forbidden_key'],
  ['an escaped __proto__', '{"__pr\\u006fto__":{"admin":true}}', 'forbidden_key'],
  ['constructor.prototype', '{"constructor":{"prototype":{"admin":true}}}', 'forbidden_key'],
  ['nesting past the cap', '[[[[1]]]]', 'too_deep'],
  ['truncated text', '{"a":', 'malformed_json'],
  ['nothing', '', 'malformed_json'],
  ['two values', '1 2', 'malformed_json'],
]

test.each(refused)('refuses %s', (_what, text, code) => {
  expect(parseStrictJson(text, 3)).toMatchObject({ refused: { code } })
})

test('takes JSON in any spacing and escaping', () => {
  const text = '{ "a" : [ 1, 2.50, "\\u00e9" ],\n "b": {"c": null} }'
  expect(parseStrictJson(text, 3)).toEqual({ value: { a: [1, 2.5, 'é'], b: { c: null } } })
})

test('brackets inside strings are not nesting', () => {
  expect(parseStrictJson('{"a":"[[[[{{{{\\"[["}', 1)).toEqual({ value: { a: '[[[[{{{{"[[' } })
})
