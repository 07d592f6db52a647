import { generateKeyPairSync, hash } from 'node:crypto'
import { CompactRange } from '../../src/audit/tree/compact-range.ts'
import { type Hash, type TreeHead, leafHash } from '../../src/audit/tree/hashes.ts'
import { type KeyKind, type SigningKey, parseSigningKey } from '../../src/audit/tree/note-keys.ts'
import type { Parsed } from '../../src/audit/tree/parsed.ts'
import type { HashReader, Subtree } from '../../src/audit/tree/subtrees.ts'

/** The value that was parsed. @throws Error that tells why it was refused */
export function valueOf<Value>(parsed: Parsed<Value>): Value {
  if ('refused' in parsed) throw new Error(`${parsed.refused.code}: ${parsed.refused.message}`)
  return parsed.value
}

/** A new key of this name. */
export function newKey(name: string, kind: KeyKind = 'ed25519'): SigningKey {
  const { privateKey } = generateKeyPairSync('ed25519')
  return valueOf(parseSigningKey(name, kind, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()))
}

/** The bytes of the n-th leaf of trees in tests. */
export const entryOf = (index: number): Buffer => Buffer.from(`entry ${index}`)

/** A tree that grows and keeps every hash, as the trail does. */
export class GrownTree {
  readonly range = new CompactRange()
  readonly #stored = new Map<string, Hash>()

  constructor(entries: readonly Buffer[] = []) {
    for (const entry of entries) this.append(entry)
  }

  append(entry: Buffer): void {
    for (const { hash: stored, ...subtree } of this.range.append(leafHash(entry)))
      this.#stored.set(placeOf(subtree), stored)
  }

  get head(): TreeHead {
    return this.range.head
  }

  /** Refuses what a tree of this size has not stored. */
  readonly read: HashReader = async (subtrees) =>
    subtrees.map((subtree) => {
      const stored = this.#stored.get(placeOf(subtree))
      if (stored === undefined) throw new Error(`nothing is stored at ${placeOf(subtree)}`)
      return stored
    })
}

const placeOf = ({ level, index }: Subtree) => `${level}:${index}`

/**
 * A tree by the definitions of RFC 6962 section 2.1, as they stand there: recursive, without anything stored, and sharing no
 * code with what it judges. What it made once it remembers.
 */
export class NaiveTree {
  readonly #entries: readonly Buffer[]
  readonly #made = new Map<string, Hash>()

  constructor(entries: readonly Buffer[]) {
    this.#entries = entries
  }

  /** MTH(D[start:end]) */
  root(start: number, end: number): Hash {
    const place = `${start}:${end}`
    const made = this.#made.get(place) ?? this.#root(start, end)
    this.#made.set(place, made)
    return made
  }

  #root(start: number, end: number): Hash {
    if (start === end) return sha256()
    if (end - start === 1) return sha256(Buffer.of(0), this.#entries[start] ?? Buffer.alloc(0))
    const middle = start + split(end - start)
    return sha256(Buffer.of(1), this.root(start, middle), this.root(middle, end))
  }

  /** PATH(m, D[start:end]), with m counted from `start`. */
  path(m: number, start: number, end: number): Hash[] {
    if (end - start === 1) return []
    const k = split(end - start)
    return m < k
      ? [...this.path(m, start, start + k), this.root(start + k, end)]
      : [...this.path(m - k, start + k, end), this.root(start, start + k)]
  }

  /** SUBPROOF(m, D[start:end], b) */
  proof(m: number, start: number, end: number, b = true): Hash[] {
    const n = end - start
    if (m === n) return b ? [] : [this.root(start, end)]
    const k = split(n)
    return m <= k
      ? [...this.proof(m, start, start + k, b), this.root(start + k, end)]
      : [...this.proof(m - k, start + k, end, false), this.root(start, start + k)]
  }
}

function sha256(...parts: readonly Buffer[]): Hash {
  return hash('sha256', Buffer.concat(parts), 'buffer')
}

/** The largest power of two smaller than n. */
function split(n: number): number {
  let k = 1
  while (k * 2 < n) k *= 2
  return k
}

/** A reader of a tree of any size whose leaves are all equal: every subtree of a level has one hash. */
export function uniformReader(entry: Buffer): HashReader {
  const byLevel: Hash[] = [leafHash(entry)]
  const hashOf = (level: number): Hash => {
    const known = byLevel[level]
    if (known !== undefined) return known
    const below = hashOf(level - 1)
    const made = sha256(Buffer.of(1), below, below)
    byLevel[level] = made
    return made
  }
  return async (subtrees) => subtrees.map(({ level }) => hashOf(level))
}
