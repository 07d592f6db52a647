import { LRUCache } from 'lru-cache'
import type { FilterAnswer, FilterRequest } from '../../enforcement/ports/decision-point.ts'

export type FilterCacheOptions = {
  readonly maxEntries: number
  /** How long a filter may be used again, in milliseconds. */
  readonly ttlMs: number
}

/** Filters by what they depend on: user, action, type and policy revision. Equal requests in flight share one query. */
export class FilterCache {
  readonly #answers: LRUCache<string, Promise<FilterAnswer>>

  constructor({ maxEntries, ttlMs }: FilterCacheOptions) {
    this.#answers = new LRUCache({ max: maxEntries, ttl: ttlMs })
  }

  /** `keeps` false: the answer serves those who ask while it is on its way, and nobody later. */
  get(
    { user, action, producer, type }: FilterRequest,
    revision: string,
    keeps: boolean,
    compile: () => Promise<FilterAnswer>,
  ): Promise<FilterAnswer> {
    const key = JSON.stringify([revision, user, action, producer, type])
    const known = this.#answers.get(key)
    if (known !== undefined) return known
    const forget = () => void this.#answers.delete(key)
    const asked = compile()
    this.#answers.set(key, asked)
    asked.then((answer) => (keeps && answer.policyRevision === revision ? undefined : forget()), forget)
    return asked
  }
}
