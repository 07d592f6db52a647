import { existsSync, rmSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { atExit, pauseNow } from './at-exit.ts'

const REMOVAL = { recursive: true, force: true, maxRetries: 10, retryDelay: 50 } as const
const TRIES_AT_EXIT = 100
const PAUSE_AT_EXIT_MS = 20

/** A temporary folder and the servers that run in it. When it closes or the process ends, nothing is left behind. */
export class Workspace implements AsyncDisposable {
  readonly path: string
  readonly #keep: () => void
  readonly #closings: (() => Promise<void>)[] = []

  constructor(path: string) {
    this.path = path
    this.#keep = atExit(() => removeNow(path))
  }

  /** A new folder inside, whose name starts with `prefix`. */
  folder(prefix: string): Promise<string> {
    return mkdtemp(join(this.path, `${prefix}-`))
  }

  /** Runs `closing` before the folder is removed. The one that was registered last runs first. */
  defer(closing: () => Promise<void>): void {
    this.#closings.push(closing)
  }

  /**
   * Stops what was started in the workspace and removes the folder. May be called again.
   * @throws AggregateError with the errors of those that could not be closed; the others are closed all the same
   */
  async close(): Promise<void> {
    const problems: unknown[] = []
    for (const closing of this.#closings.splice(0).toReversed()) {
      try {
        await closing()
      } catch (error) {
        problems.push(error)
      }
    }
    await rm(this.path, REMOVAL)
    this.#keep()
    if (problems.length > 0) throw new AggregateError(problems, `could not close all of ${this.path}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/** Makes a workspace in the system's folder for temporary files. */
export async function openWorkspace(): Promise<Workspace> {
  const path = await mkdtemp(join(tmpdir(), 'jobwarden-'))
  // Other accounts may pass through, but not list it: PostgreSQL runs as another account if we are root.
  await chmod(path, 0o711)
  return new Workspace(path)
}

// A server that was just told to end may still write, and then `rmSync` can leave the folder behind without an error.
function removeNow(path: string): void {
  for (let attempt = 0; attempt < TRIES_AT_EXIT && existsSync(path); attempt++) {
    if (attempt > 0) pauseNow(PAUSE_AT_EXIT_MS)
    try {
      rmSync(path, { recursive: true, force: true })
    } catch (error) {
      if (attempt === TRIES_AT_EXIT - 1) throw error
    }
  }
}
