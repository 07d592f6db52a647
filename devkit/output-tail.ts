import type { Readable } from 'node:stream'

const KEPT_CHARACTERS = 4_000
const KEPT_LINES = 15

/** The last lines that a child process wrote, for the message when it fails. Reading also keeps its pipes from filling. */
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

  /** What was written last, each line indented; an empty string when nothing was. */
  get text(): string {
    const lines = this.#text.split('\n').filter((line) => line.trim() !== '')
    return lines
      .slice(-KEPT_LINES)
      .map((line) => `\n  ${line}`)
      .join('')
  }
}
