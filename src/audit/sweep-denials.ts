import type { AuditSink } from '../enforcement/ports/denial-sink.ts'
import type { AuditTrail } from './audit-trail.ts'

/** The audit queue, as the sweep needs it. */
export interface RepublishingSink extends AuditSink {
  /** Removes the jobs of denials that the auditor gave up on, so that they can be published again. */
  forget(ids: readonly string[]): Promise<void>
}

export type SweepOptions = {
  readonly trail: AuditTrail
  readonly sink: RepublishingSink
  /** A denial younger than this may still be on its way. */
  readonly graceMs: number
  readonly now: () => number
}

const PAGE = 500

/** A denial's row may become visible this long after its time stamp: a statement takes time to commit. */
const LATE_COMMIT_MS = 600_000

/** Publishes denials again that never reached the trail, so that losing Redis loses no denial. */
export class DenialSweep {
  readonly #options: SweepOptions
  /** Everything before this is in the trail. A new process starts from the beginning, once. */
  #sweptUntil = new Date(0)

  constructor(options: SweepOptions) {
    this.#options = options
  }

  /** Sweeps once and returns how many denials it published. @throws Failure of the store or of the audit queue */
  async sweep(): Promise<number> {
    const { trail, sink, graceMs, now } = this.#options
    const until = new Date(now() - graceMs)
    let published = 0
    for (let from = this.#sweptUntil; ;) {
      const missing = await trail.missing(from, until, PAGE)
      await sink.forget(missing.map(({ denial }) => denial.id))
      await sink.publish(missing)
      published += missing.length
      const last = missing.at(-1)
      // A page with one time stamp only would come again without end: the next sweep publishes the rest.
      if (last === undefined || missing.length < PAGE || last.recordedAt <= from) break
      from = last.recordedAt
    }
    if (published === 0) this.#sweptUntil = new Date(Math.max(until.getTime() - LATE_COMMIT_MS, 0))
    return published
  }
}
