import { createHash, randomUUID } from 'node:crypto'
import { mkdir, open, readFile, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Release } from '../../domain/activation.ts'
import { Failure } from '../../domain/failure.ts'
import { AppendLog } from './append-log.ts'
import type { BundleVerifier, RefusedBundle } from './bundle-verifier.ts'

/** What is served: a release and its bytes. */
export type Served = { readonly release: Release; readonly bundle: Buffer }

/** How a push ended. `again` says that these very bytes are served already; `before` is the revision until then. */
export type Pushed =
  | { readonly release: Release; readonly again: boolean; readonly before: string | null }
  | RefusedBundle
  | { readonly conflict: string }

const INCOMING = '.incoming.tar.gz'

/**
 * The releases of one environment, in a folder: the file of each bundle, by its digest, and `releases.jsonl`.
 * A release exists from the moment that its line is on the disk; whatever happens before leaves the old one in place.
 */
export class Environment {
  readonly name: string
  readonly #folder: string
  readonly #releases: AppendLog<Release>
  readonly #waiting = new Set<() => void>()
  #served: Served | undefined
  #last: Promise<unknown> = Promise.resolve()

  private constructor(name: string, folder: string, releases: AppendLog<Release>, served: Served | undefined) {
    this.name = name
    this.#folder = folder
    this.#releases = releases
    this.#served = served
  }

  /** @throws Failure JW_CONFIG_INVALID when the bundle to serve is not what was pushed; the error of the file system */
  static async open(dir: string, name: string): Promise<Environment> {
    const folder = join(dir, name)
    await mkdir(folder, { recursive: true, mode: 0o700 })
    for (const file of await readdir(folder)) if (file.endsWith(INCOMING)) await rm(join(folder, file))
    const releases = await AppendLog.open(join(folder, 'releases.jsonl'), Release)
    try {
      const release = releases.entries.at(-1)
      const served = release === undefined ? undefined : { release, bundle: await readBundle(folder, release) }
      return new Environment(name, folder, releases, served)
    } catch (error) {
      await releases.close()
      throw error
    }
  }

  get served(): Served | undefined {
    return this.#served
  }

  /** The latest release of a revision: the one that a sidecar with this revision runs. */
  releaseOf(revision: string): Release | undefined {
    return this.#releases.entries.findLast((release) => release.revision === revision)
  }

  /** Has a bundle judged, and serves it from then on if it is good. One push at a time. */
  push(bundle: Buffer, pushedBy: string, verify: BundleVerifier): Promise<Pushed> {
    const pushed = this.#last.then(() => this.#push(bundle, pushedBy, verify))
    this.#last = pushed.catch(() => undefined)
    return pushed
  }

  /** Resolves when there is another release, after `ms`, or when `signal` says so; whichever comes first. */
  async change(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        this.#waiting.delete(done)
        resolve()
      }
      const timer = setTimeout(done, ms)
      signal.addEventListener('abort', done)
      this.#waiting.add(done)
    })
  }

  async close(): Promise<void> {
    await this.#last
    await this.#releases.close()
  }

  async #push(bundle: Buffer, pushedBy: string, verify: BundleVerifier): Promise<Pushed> {
    const file = join(this.#folder, `${randomUUID()}${INCOMING}`)
    try {
      await writeDurably(file, bundle)
      const verified = await verify(file, this.name)
      if ('refused' in verified) return verified
      const digest = digestOf(bundle)
      const before = this.#served?.release
      if (before?.digest === digest) return { release: before, again: true, before: before.revision }
      const { revision, contentDigest } = verified
      if (this.#releases.entries.some((each) => each.revision === revision && each.contentDigest !== contentDigest))
        return { conflict: `${this.name} has known the revision ${revision} with other content; name it anew` }
      const release = { bundle: this.name, ...verified, digest, pushedAt: this.#now(), pushedBy }
      await rename(file, bundleFile(this.#folder, release))
      await syncFolder(this.#folder)
      await this.#releases.append(release)
      this.#served = { release, bundle }
      for (const wake of this.#waiting) wake()
      return { release, again: false, before: before?.revision ?? null }
    } finally {
      await rm(file, { force: true })
    }
  }

  /** The moment of a release is its identity, so two never have the same. */
  #now(): string {
    const before = Date.parse(this.#served?.release.pushedAt ?? '') || 0
    return new Date(Math.max(Date.now(), before + 1)).toISOString()
  }
}

async function readBundle(folder: string, release: Release): Promise<Buffer> {
  const file = bundleFile(folder, release)
  const bundle = await readFile(file)
  if (digestOf(bundle) === release.digest) return bundle
  const remedy = 'restore it, or take the last line out of releases.jsonl to serve the bundle before'
  throw new Failure('JW_CONFIG_INVALID', `${file}: is not the bundle that was pushed; ${remedy}`)
}

function bundleFile(folder: string, { digest }: Release): string {
  return join(folder, `${digest.replace('sha256:', '')}.tar.gz`)
}

function digestOf(bundle: Buffer): string {
  return `sha256:${createHash('sha256').update(bundle).digest('hex')}`
}

async function writeDurably(file: string, content: Buffer): Promise<void> {
  const handle = await open(file, 'wx', 0o600)
  try {
    await handle.writeFile(content)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** A name is on the disk when its folder is. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
