import { join } from 'node:path'
import { Activation, type Release } from '../../domain/activation.ts'
import { AppendLog } from './append-log.ts'
import type { Environment } from './environment.ts'
import type { BundleReport } from './status-report.ts'
import type { SidecarStatus } from '../wire.ts'

/** A sidecar reports after every poll, so by then it is gone, or cut off. */
const SILENT_AFTER_MS = 300_000
/** Sidecars come and go under new names. */
const FORGOTTEN_AFTER_MS = 86_400_000
const MOST_SIDECARS = 10_000

type Known = {
  /** When the sidecar activated what it runs, by its own clock. */
  readonly activatedAt?: string
  readonly revision?: string
  /** Absent when the environment has no release of that revision. */
  readonly release?: Release
  readonly error?: SidecarStatus['error']
  readonly heardAt: string
}

/** What the sidecars of an environment run, by their own reports; and `activations.jsonl`, the first time of each. */
export class Sidecars {
  readonly #environment: Environment
  readonly #activations: AppendLog<Activation>
  readonly #now: () => number
  readonly #known = new Map<string, Known>()
  readonly #recorded = new Set<string>()
  #last: Promise<unknown> = Promise.resolve()

  private constructor(environment: Environment, activations: AppendLog<Activation>, now: () => number) {
    this.#environment = environment
    this.#activations = activations
    this.#now = now
    for (const { sidecar, activatedAt, seenAt, ...release } of activations.entries) {
      this.#known.set(sidecar, { activatedAt, revision: release.revision, release, heardAt: seenAt })
      this.#recorded.add(recordKey(sidecar, release))
    }
  }

  static async open(dir: string, environment: Environment, now: () => number): Promise<Sidecars> {
    const file = join(dir, environment.name, 'activations.jsonl')
    return new Sidecars(environment, await AppendLog.open(file, Activation), now)
  }

  get activations(): readonly Activation[] {
    return this.#activations.entries
  }

  /** Takes a report. Returns the activation that it shows for the first time. @throws the error of the file system */
  hear(sidecar: string, report: BundleReport): Promise<Activation | undefined> {
    const heard = this.#last.then(() => this.#hear(sidecar, report))
    this.#last = heard.catch(() => undefined)
    return heard
  }

  /** Every sidecar that was heard of within a day. */
  status(): SidecarStatus[] {
    this.#forget()
    return [...this.#known]
      .map(([sidecar, known]) => this.#statusOf(sidecar, known))
      .sort((a, b) => a.sidecar.localeCompare(b.sidecar))
  }

  async close(): Promise<void> {
    await this.#activations.close()
  }

  async #hear(sidecar: string, { running, error }: BundleReport): Promise<Activation | undefined> {
    const heardAt = new Date(this.#now()).toISOString()
    const before = this.#known.get(sidecar)
    // The revision alone does not tell releases apart: one may be signed anew, or pushed again after another.
    const release =
      running !== undefined && running.activatedAt === before?.activatedAt
        ? before.release
        : this.#environment.releaseOf(running?.revision ?? '')
    const activation =
      running === undefined || release === undefined || this.#recorded.has(recordKey(sidecar, release))
        ? undefined
        : { ...release, sidecar, activatedAt: running.activatedAt, seenAt: heardAt }
    if (activation !== undefined) {
      await this.#activations.append(activation)
      this.#recorded.add(recordKey(sidecar, activation))
    }
    this.#known.delete(sidecar) // The latest heard comes last.
    this.#known.set(sidecar, { ...running, ...(release && { release }), ...(error && { error }), heardAt })
    this.#forget()
    return activation
  }

  #statusOf(sidecar: string, { release, ...known }: Known): SidecarStatus {
    const { served } = this.#environment
    const isSilent = this.#now() - Date.parse(known.heardAt) > SILENT_AFTER_MS
    // By digest: after a bundle was pushed again, a sidecar that never left it has nothing to activate.
    const isCurrent = release !== undefined && release.digest === served?.release.digest
    const state = isSilent ? 'silent' : known.error !== undefined ? 'failing' : isCurrent ? 'current' : 'behind'
    return { sidecar, state, ...known, ...(release && { signedBy: release.signedBy }) }
  }

  #forget(): void {
    const horizon = this.#now() - FORGOTTEN_AFTER_MS
    for (const [sidecar, { heardAt }] of this.#known) {
      if (Date.parse(heardAt) >= horizon && this.#known.size <= MOST_SIDECARS) return
      this.#known.delete(sidecar)
    }
  }
}

function recordKey(sidecar: string, { pushedAt }: Pick<Release, 'pushedAt'>): string {
  return `${pushedAt} ${sidecar}`
}
