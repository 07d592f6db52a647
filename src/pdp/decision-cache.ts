import { LRUCache } from 'lru-cache'
import { type Decision, type DecisionRequest, isVersioned } from '../domain/decision.ts'
import { Failure } from '../domain/failure.ts'
import type { FilterAnswer, FilterRequest, Pdp } from '../enforcement/ports/decision-point.ts'

export type DecisionCacheOptions = {
  /** How long a decision may be reused. */
  readonly ttlMs: number
  readonly maxEntries: number
  /** The policy revision that is active now. */
  readonly revision: () => Promise<string>
  /** Whether the answers of a revision change as time goes by: then none of them is kept. */
  readonly isVolatile: (revision: string) => Promise<boolean>
}

/** How often decisions were reused, for operators. */
export type CacheFigures = { readonly hits: number; readonly misses: number; readonly entries: number }

type Decisions = ReadonlyMap<string, Decision | Failure>

/**
 * Reuses the decision on an equal input while it is young and the policies are the same. Every batch still asks OPA, for
 * new inputs or at least for the revision, so that no decision of another revision is reused. This saves the work of OPA
 * and not the round trip; docs/performance.md says when that pays.
 */
export class DecisionCache implements Pdp {
  readonly #pdp: Pdp
  readonly #options: DecisionCacheOptions
  readonly #known: LRUCache<string, Decision>
  #hits = 0
  #misses = 0

  constructor(pdp: Pdp, options: DecisionCacheOptions) {
    this.#pdp = pdp
    this.#options = options
    this.#known = new LRUCache({ max: options.maxEntries, ttl: options.ttlMs })
  }

  get figures(): CacheFigures {
    return { hits: this.#hits, misses: this.#misses, entries: this.#known.size }
  }

  async decide(requests: ReadonlyMap<string, DecisionRequest>): Promise<Decisions> {
    const keys = new Map([...requests].map(([id, request]) => [id, canonical(request)]))
    const hits = new Map<string, Decision>()
    for (const [id, key] of keys) {
      const known = this.#known.get(key)
      if (known !== undefined) hits.set(id, known)
    }
    const answers = new Map(await this.#ask(requests, keys, (id) => !hits.has(id)))
    const revision = revisionOf(answers) ?? (hits.size > 0 ? await this.#options.revision() : undefined)
    const old = [...hits].filter(([, decision]) => decision.policyRevision !== revision)
    for (const [id] of old) hits.delete(id)
    if (old.length > 0)
      for (const [id, answer] of await this.#ask(requests, keys, (each) => old.some(([oldId]) => oldId === each)))
        answers.set(id, answer)
    this.#hits += hits.size
    this.#misses += requests.size - hits.size
    return new Map([...answers, ...hits])
  }

  filter(requests: ReadonlyMap<string, FilterRequest>): Promise<ReadonlyMap<string, FilterAnswer | Failure>> {
    return this.#pdp.filter(requests)
  }

  async #ask(
    requests: ReadonlyMap<string, DecisionRequest>,
    keys: ReadonlyMap<string, string>,
    wanted: (id: string) => boolean,
  ): Promise<Decisions> {
    const asked = new Map([...requests].filter(([id]) => wanted(id)))
    if (asked.size === 0) return new Map()
    const answers = await this.#pdp.decide(asked)
    const revision = revisionOf(answers)
    if (revision === undefined || !isVersioned(revision) || (await this.#options.isVolatile(revision))) return answers
    for (const [id, answer] of answers) {
      const key = keys.get(id)
      if (key !== undefined && !(answer instanceof Failure)) this.#known.set(key, answer)
    }
    return answers
  }
}

function revisionOf(answers: Decisions): string | undefined {
  for (const answer of answers.values()) if (!(answer instanceof Failure)) return answer.policyRevision
  return undefined
}

/** The input as text that is the same whatever the order of its members. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}
