import { LRUCache } from 'lru-cache'
import { isVersioned } from '../domain/decision.ts'
import type { FilterAnswer, FilterRequest } from './pdp.ts'

/**
 * Filters by what they depend on: user, action, type and policy revision. Equal requests in flight share one query.
 * An answer of another revision than the one asked for (the policies changed meanwhile), or of none, is not kept.
 */
export class FilterCache {
  readonly #answers: LRUCache<string, Promise<FilterAnswer>>

  constructor(maxEntries: number) {
    this.#answers = new LRUCache({ max: maxEntries })
  }

  get(request: FilterRequest, revision: string, compile: () => Promise<FilterAnswer>): Promise<FilterAnswer> {
    const key = JSON.stringify([revision, request.user, request.action, request.type])
    const known = this.#answers.get(key)
    if (known !== undefined) return known
    const asked = this.#compile(key, revision, compile)
    this.#answers.set(key, asked)
    return asked
  }

  async #compile(key: string, revision: string, compile: () => Promise<FilterAnswer>): Promise<FilterAnswer> {
    try {
      const answer = await compile()
      if (answer.policyRevision !== revision || !isVersioned(revision)) this.#answers.delete(key)
      return answer
    } catch (error) {
      this.#answers.delete(key)
      throw error
    }
  }
}
