import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { messageOf } from '../src/domain/failure.ts'
import { type FoundOpa, installOpa } from './install-opa.ts'
import { OPA_VERSION } from '../src/policy-tools/opa-version.ts'

const RELEASES = 'https://github.com/open-policy-agent/opa/releases/download'
const SILENCE_MS = 10_000
const PROGRESS_MS = 2_000

export type DownloadOptions = {
  readonly tools: string
  readonly say: (line: string) => void
  /** The folder that holds the releases by tag. */
  readonly releases?: string
  /** How long the host may send nothing. */
  readonly silenceMs?: number
}

/**
 * Downloads the release for this system and compares it with the published checksum.
 * @throws Error when the host does not answer, has no such release, or the checksum differs
 */
export async function downloadOpa({ tools, say, ...rest }: DownloadOptions): Promise<FoundOpa> {
  const { releases = RELEASES, silenceMs = SILENCE_MS } = rest
  const silence = new AbortController()
  const timer = setTimeout(() => silence.abort(), silenceMs)
  try {
    const { url, checksum } = await findRelease(`${releases}/v${OPA_VERSION}`, silence.signal)
    say(`downloading ${url}`)
    const { body, size } = await get(url, silence.signal)
    return await installOpa(tools, async (folder) => {
      const file = join(folder, 'opa')
      const hash = createHash('sha256')
      const progress = progressLines(size, say)
      const meter = async function* (source: AsyncIterable<Uint8Array>) {
        for await (const chunk of source) {
          timer.refresh()
          hash.update(chunk)
          progress(chunk.length)
          yield chunk
        }
      }
      await pipeline(body, meter, createWriteStream(file, { mode: 0o755 }))
      const actual = hash.digest('hex')
      if (actual !== checksum) throw new Error(`${url} has checksum ${actual}, but ${checksum} is published`)
      return file
    })
  } catch (error) {
    const silent = `${releases} was silent for ${silenceMs / 1_000} s`
    throw new Error(silence.signal.aborted ? silent : reasonOf(error), { cause: error })
  } finally {
    clearTimeout(timer)
  }
}

// Not every release has a static build for every system.
async function findRelease(folder: string, signal: AbortSignal): Promise<{ url: string; checksum: string }> {
  const name = `opa_${process.platform}_${process.arch === 'x64' ? 'amd64' : process.arch}`
  for (const url of [`${folder}/${name}_static`, `${folder}/${name}`]) {
    const response = await fetch(`${url}.sha256`, { signal })
    const checksum = /^[0-9a-f]{64}/i.exec(await response.text())?.[0].toLowerCase()
    if (response.ok && checksum !== undefined) return { url, checksum }
    if (response.status !== 404) throw new Error(`${url}.sha256 answered ${response.status} without a checksum`)
  }
  throw new Error(`no release ${OPA_VERSION} for ${name}`)
}

async function get(url: string, signal: AbortSignal): Promise<{ body: ReadableStream<Uint8Array>; size: number }> {
  const { ok, status, body, headers } = await fetch(url, { signal })
  if (!ok || body === null) throw new Error(`${url} answered ${status}`)
  return { body, size: Number(headers.get('content-length') ?? 0) }
}

function progressLines(size: number, say: (line: string) => void): (bytes: number) => void {
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`
  let done = 0
  let saidAt = Date.now()
  return (bytes) => {
    done += bytes
    if (done !== size && Date.now() - saidAt < PROGRESS_MS) return
    saidAt = Date.now()
    say(`  ${megabytes(done)}${size > 0 ? ` of ${megabytes(size)}` : ''}`)
  }
}

// fetch only says `fetch failed`, and keeps the reason as the cause.
function reasonOf(error: unknown): string {
  if (error instanceof Error && error.cause instanceof Error) return reasonOf(error.cause)
  const text = messageOf(error)
  return text === '' && error instanceof Error && 'code' in error ? String(error.code) : text
}
