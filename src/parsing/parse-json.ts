import { visit } from 'jsonc-parser'
import secureJson from 'secure-json-parse'
import type { Reason } from '../domain/reason.ts'

/** JSON that means one thing only, or why it does not. */
export type StrictJson = { readonly value: unknown } | { readonly refused: Reason }

const refuse = (code: string, message: string): StrictJson => ({ refused: { code, message } })

/** Parses JSON that nests at most `maxDepth` deep and has neither duplicate keys nor keys that reach a prototype. */
export function parseStrictJson(text: string, maxDepth: number): StrictJson {
  if (depthExceeds(text, maxDepth)) return refuse('too_deep', `it nests deeper than ${maxDepth} levels`)
  let value: unknown
  try {
    value = secureJson.parse(text, { protoAction: 'error', constructorAction: 'error' })
  } catch (error) {
    return error instanceof SyntaxError && error.message.includes('forbidden prototype')
      ? refuse('forbidden_key', 'it has a key that reaches a prototype')
      : refuse('malformed_json', 'it is not JSON')
  }
  // Serialising drops all but the last of equal keys, so equal text proves that there were none. Text that differs may
  // only have other spaces or escapes: then every key is looked at.
  if (JSON.stringify(value) !== text) {
    const repeated = duplicateKey(text)
    if (repeated !== undefined) return refuse('duplicate_key', `it has the key "${repeated}" twice`)
  }
  return { value }
}

function depthExceeds(text: string, maxDepth: number): boolean {
  let depth = 0
  let quoted = false
  for (let index = 0; index < text.length; index++) {
    const character = text.charCodeAt(index)
    if (quoted) {
      if (character === 0x5c) index++
      else if (character === 0x22) quoted = false
    } else if (character === 0x22) quoted = true
    else if (character === 0x7b || character === 0x5b) {
      if (++depth > maxDepth) return true
    } else if (character === 0x7d || character === 0x5d) depth--
  }
  return false
}

function duplicateKey(text: string): string | undefined {
  const open: Set<string>[] = []
  let repeated: string | undefined
  visit(text, {
    onObjectBegin: () => {
      open.push(new Set())
    },
    onObjectEnd: () => {
      open.pop()
    },
    onObjectProperty: (key) => {
      const keys = open.at(-1)
      if (keys?.has(key)) repeated ??= key.slice(0, 64)
      keys?.add(key)
    },
  })
  return repeated
}

/** The value of a JSON text, or undefined for any other text. */
export function jsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
