import { fstatSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { SingleBar } from 'cli-progress'
import { parseStrictJson } from '../src/parsing/parse-json.ts'
import type { Producer } from '../src/producer/producer.ts'

/** A line that was not enqueued, and why. `line` counts from 1. */
export type RejectedLine = { readonly line: number; readonly problems: readonly string[] }

export type LinesReport = { readonly enqueued: number; readonly rejected: readonly RejectedLine[] }

/** How many lines are enqueued in one call. No more of the input is in memory, however long it is. */
const CHUNK = 500
const MAX_DEPTH = 16

/**
 * Enqueues JSON lines, one command each; empty lines are skipped. Reading stops while the queue takes a chunk.
 * @throws the error of the queue; what was enqueued before it stays
 */
export async function enqueueLines(
  input: Readable,
  producer: Producer,
  onProgress: (lines: number, bytes: number) => void,
): Promise<LinesReport> {
  const rejected: RejectedLine[] = []
  let enqueued = 0
  let line = 0
  let bytes = 0
  let chunk: { readonly line: number; readonly request: unknown }[] = []
  const flush = async () => {
    const taken = chunk
    chunk = []
    const report = await producer.enqueueUntyped(taken.map(({ request }) => request))
    enqueued += report.enqueued.length
    for (const { index, problems } of report.rejected) rejected.push({ line: taken[index]?.line ?? 0, problems })
    onProgress(line, bytes)
  }
  for await (const text of linesOf(input)) {
    line += 1
    bytes += Buffer.byteLength(text) + 1
    if (text.trim() === '') continue
    const json = parseStrictJson(text, MAX_DEPTH)
    if ('refused' in json) rejected.push({ line, problems: [json.refused.message] })
    else chunk.push({ line, request: json.value })
    if (chunk.length >= CHUNK) await flush()
  }
  await flush()
  return { enqueued, rejected: rejected.toSorted((a, b) => a.line - b.line) }
}

/** Ends lines at line feeds alone, as JSON lines does. `node:readline` also ends one at U+2028, which JSON may contain. */
async function* linesOf(input: Readable): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of input.setEncoding('utf8')) {
    const lines = (rest + String(chunk)).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
  if (rest !== '') yield rest
}

/** A progress bar on standard error when a person watches: by bytes when the input is a file, by lines otherwise. */
export function progressBar(): { update: (lines: number, bytes: number) => void; stop: () => void } {
  const size = fstatSync(0).isFile() ? fstatSync(0).size : 0
  const format =
    size > 0 ? '{bar} {percentage}% | {lines} lines | {duration_formatted}' : '{lines} lines | {duration_formatted}'
  const bar = new SingleBar({ format, stream: process.stderr, clearOnComplete: true, hideCursor: true })
  let started = false
  return {
    update: (lines, bytes) => {
      if (!process.stderr.isTTY) return
      if (!started) bar.start(Math.max(size, 1), 0, { lines })
      started = true
      bar.update(Math.min(bytes, size), { lines })
    },
    stop: () => bar.stop(),
  }
}
