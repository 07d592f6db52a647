import { printableLines } from '../domain/printable.ts'

/** Writes text for people or programs to standard output. Characters that a terminal would obey are made visible. */
export function print(text: string): void {
  process.stdout.write(printableLines(text))
}

/** Writes a line to standard error. */
export function say(line: string): void {
  process.stderr.write(`${printableLines(line)}\n`)
}
