import { type FileHandle, open } from 'node:fs/promises'
import type { z } from 'zod'
import { Failure } from '../../domain/failure.ts'

/** A file of JSON lines that only grows. An entry is in it as a whole or not at all, whatever ends the process. */
export class AppendLog<Entry> {
  readonly #file: FileHandle
  readonly #entries: Entry[]
  #bytes: number
  #last: Promise<unknown> = Promise.resolve()

  private constructor(file: FileHandle, entries: Entry[], bytes: number) {
    this.#file = file
    this.#entries = entries
    this.#bytes = bytes
  }

  /**
   * Opens or creates it. A line that a crash cut off was never confirmed to anyone, and is dropped.
   * @throws Failure JW_CONFIG_INVALID that names a line which is not an entry; the error of the file system
   */
  static async open<Entry>(path: string, schema: z.ZodType<Entry>): Promise<AppendLog<Entry>> {
    const file = await open(path, 'a+', 0o600)
    try {
      const content = await file.readFile()
      const whole = content.subarray(0, content.lastIndexOf('\n') + 1)
      const lines = whole.toString().split('\n').slice(0, -1)
      const entries = lines.map((line, index) => entryOf(line, schema, `${path}:${index + 1}`))
      if (whole.length < content.length) await file.truncate(whole.length)
      return new AppendLog(file, entries, whole.length)
    } catch (error) {
      await file.close()
      throw error
    }
  }

  get entries(): readonly Entry[] {
    return this.#entries
  }

  /** Resolves once the entry is on the disk. @throws the error of the file system; then the log is as it was */
  append(entry: Entry): Promise<void> {
    const appended = this.#last.then(() => this.#append(entry))
    this.#last = appended.catch(() => undefined)
    return appended
  }

  async close(): Promise<void> {
    await this.#last
    await this.#file.close()
  }

  async #append(entry: Entry): Promise<void> {
    const line = Buffer.from(`${JSON.stringify(entry)}\n`)
    try {
      await this.#file.appendFile(line)
      await this.#file.datasync()
    } catch (error) {
      await this.#file.truncate(this.#bytes)
      throw error
    }
    this.#bytes += line.length
    this.#entries.push(entry)
  }
}

function entryOf<Entry>(line: string, schema: z.ZodType<Entry>, place: string): Entry {
  try {
    return schema.parse(JSON.parse(line))
  } catch (error) {
    throw new Failure('JW_CONFIG_INVALID', `${place}: somebody changed this line; restore the file`, { cause: error })
  }
}
