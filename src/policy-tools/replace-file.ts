import { rename, rm } from 'node:fs/promises'
import { resolve } from 'node:path'

/** Has `write` fill a file beside `file`, which then takes its place: `file` is there as a whole or as it was. */
export async function replaceFile(file: string, write: (unfinished: string) => Promise<void>): Promise<void> {
  const unfinished = resolve(`${file}.${process.pid}.unfinished`)
  try {
    await write(unfinished)
    await rename(unfinished, file)
  } finally {
    await rm(unfinished, { force: true })
  }
}
