import type { ChildProcess } from 'node:child_process'
import type { Readable } from 'node:stream'

const LAST_WORDS_MS = 1_000

/** `how` continues a sentence that begins with the program's name. */
export type ChildEnd = { readonly succeeded: boolean; readonly how: string }

/** Resolves when a child process has ended and its output is read, or when it could not be started at all. */
export function childEnd(child: ChildProcess): Promise<ChildEnd> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ succeeded: false, how: `could not be started (${error.message})` }))
    child.once('exit', (status, signal) => {
      const how = signal === null ? `exited with status ${status}` : `was ended by ${signal}`
      const end = { succeeded: status === 0, how }
      // A grandchild that lives on may hold the pipes open.
      const timer = setTimeout(() => resolve(end), LAST_WORDS_MS)
      child.once('close', () => {
        clearTimeout(timer)
        resolve(end)
      })
    })
  })
}

const KEPT_CHARACTERS = 4_000
const KEPT_LINES = 15

/** Keeps the last lines that a child process wrote, for the message when it fails. Reading also empties its pipes. */
export class OutputTail {
  #text = ''

  follow(...streams: readonly Readable[]): void {
    for (const stream of streams) {
      stream.setEncoding('utf8')
      stream.on('data', (chunk) => {
        this.#text = (this.#text + String(chunk)).slice(-KEPT_CHARACTERS)
      })
    }
  }

  /** The last lines, each indented; an empty string if there are none. */
  get text(): string {
    const lines = this.#text.split('\n').filter((line) => line.trim() !== '')
    return lines
      .slice(-KEPT_LINES)
      .map((line) => `\n  ${line}`)
      .join('')
  }
}
