import { Failure } from '../../domain/failure.ts'

/** What canonical JSON says here. A member that is undefined is left out. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json | undefined }

/**
 * The one spelling of a value as JSON (RFC 8785, JCS): no spaces, members in the order of their names' UTF-16 units,
 * strings escaped as little as JSON allows. Numbers are whole and within 2^53, so that no language writes them otherwise.
 * @throws Failure JW_UNEXPECTED for other numbers, and for text with a lone surrogate, which UTF-8 cannot say
 */
export function canonicalJson(value: Json): string {
  if (typeof value === 'string') return quoted(value)
  if (typeof value === 'number') return wholeNumber(value)
  if (typeof value === 'boolean' || value === null) return String(value)
  if (isList(value)) return `[${value.map(canonicalJson).join(',')}]`
  // Not an object built in this order: JavaScript moves names that are numbers to the front.
  const members = Object.entries(value)
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .flatMap(([name, member]) => (member === undefined ? [] : `${quoted(name)}:${canonicalJson(member)}`))
  return `{${members.join(',')}}`
}

function quoted(text: string): string {
  if (!text.isWellFormed()) throw new Failure('JW_UNEXPECTED', 'canonical JSON has no lone surrogates')
  return JSON.stringify(text)
}

function wholeNumber(number: number): string {
  if (!Number.isSafeInteger(number)) throw new Failure('JW_UNEXPECTED', 'canonical JSON has whole numbers within 2^53')
  return JSON.stringify(number) // Not String: that writes -0 with its sign.
}

/** Array.isArray takes no readonly arrays. */
function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}
