import type { AuditSink } from '../enforcement/ports/denial-sink.ts'
import type { AuditTrail } from './audit-trail.ts'

/** The audit queue, as the sweep needs it. */
export interface RepublishingSink extends AuditSink {
  /** Makes room for denials that the auditor gave up on; others are left alone. */
  forget(ids: readonly string[]): Promise<void>
}

export type SweepOptions = {
  readonly trail: AuditTrail
  readonly sink: RepublishingSink
  /** A denial this young may still be on its way. */
  readonly graceMs: number
  readonly now: () => number
}

const PAGE = 500

/** A denial's row may become visible this long after its time stamp: a statement takes time to commit. */
const LATE_COMMIT_MS = 600_000

/** Publishes denials that never reached the trail again, so that losing Redis loses no denial. */
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
      // A page full of one moment would come again for ever: what is left of it is published by the next sweep.
      if (last === undefined || missing.length < PAGE || last.recordedAt <= from) break
      from = last.recordedAt
    }
    if (published === 0) this.#sweptUntil = new Date(Math.max(until.getTime() - LATE_COMMIT_MS, 0))
    return published
  }
}
