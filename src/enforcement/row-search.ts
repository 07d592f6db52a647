import { hash } from 'node:crypto'
import type { Candidate, DecidedRow } from './ports/command-store.ts'
import type { Selection } from './case.ts'
import type { DecidedPage } from './decide-candidates.ts'

export type SearchOptions = {
  /** At most this many rows are taken. */
  readonly limit: number
  /** At most this many candidates are decided. */
  readonly maxExamined: number
  readonly after: string | undefined
}

/** How many candidates one query loads: enough for most commands, and little memory. */
const PAGE = 2_000
const SMALLEST_PAGE = 50

/**
 * Looks for the first allowed rows of a collection, page by page, in the order of their keys. It looks for one row more
 * than it may take, so that it knows whether there are more.
 */
export class RowSearch {
  readonly #options: SearchOptions
  #cursor: string | undefined
  #examined = 0
  #lastPage = false
  readonly #rows: DecidedRow[] = []
  #undecided = 0
  /** Undecided rows after the last one that was taken: they count only if nothing is left for a next command. */
  #undecidedBehind = 0
  #more = false
  #digest = ''

  constructor(options: SearchOptions) {
    this.#options = options
    this.#cursor = options.after
  }

  /** The key that the next page comes after. */
  get cursor(): string | undefined {
    return this.#cursor
  }

  get pageSize(): number {
    const { limit, maxExamined } = this.#options
    const wanted = Math.min(Math.max(limit + 1 - this.#rows.length, SMALLEST_PAGE), PAGE)
    return Math.min(wanted, maxExamined - this.#examined)
  }

  /** Notes a page that is about to be decided. */
  look(page: readonly Candidate[]): void {
    this.#lastPage = page.length < this.pageSize
    this.#examined += page.length
    this.#cursor = page.at(-1)?.key ?? this.#cursor
  }

  /** Whether another page is needed even if all of this one is allowed. */
  get needsMore(): boolean {
    return !this.#ended && this.#rows.length + PAGE <= this.#options.limit
  }

  take({ rows, digest }: DecidedPage): void {
    this.#digest = hash('sha256', this.#digest + digest)
    for (const { allowed, undecided } of rows) {
      if (this.#more) return
      const isFull = this.#rows.length === this.#options.limit
      if (undecided && isFull) this.#undecidedBehind += 1
      else if (undecided) this.#undecided += 1
      else if (allowed !== undefined && isFull) this.#more = true
      else if (allowed !== undefined) this.#rows.push(allowed)
    }
  }

  get ended(): boolean {
    return this.#more || this.#ended
  }

  get #ended(): boolean {
    return this.#lastPage || this.#examined >= this.#options.maxExamined
  }

  /** Ties the rows to what the policies saw of all candidates. */
  get digest(): string {
    return this.#digest
  }

  /** `more` says why the search ended before the end of the collection, if it did. */
  result(policyRevision: string): { readonly selection: Selection; readonly more: 'rows' | 'candidates' | undefined } {
    const rows = this.#rows
    if (this.#more) {
      const selection = { rows, undecided: this.#undecided, next: rows.at(-1)?.key, policyRevision }
      return { selection, more: 'rows' }
    }
    const undecided = this.#undecided + this.#undecidedBehind
    if (this.#lastPage) return { selection: { rows, undecided, policyRevision }, more: undefined }
    const selection = { rows, undecided, next: this.#cursor, examined: this.#examined, policyRevision }
    return { selection, more: 'candidates' }
  }
}
