import { type Answer, refusal } from './answer.ts'
import type { Call, Kept } from './call.ts'

const LONGEST_WAIT_S = 300

/**
 * Answers with the bundle. A client that has it already (`If-None-Match`) and can wait (`Prefer: wait=30`) gets its
 * answer when there is another one, or a 304 when the time is over.
 */
export async function pullBundle({ request, signal }: Call, { environment }: Kept): Promise<Answer> {
  const known = tagsOf(request.headers['if-none-match'])
  const isNew = () => environment.served !== undefined && !known.includes(environment.served.release.digest)
  const waitMs = waitOf(request.headers['prefer']) * 1_000
  if (!isNew() && waitMs > 0) await environment.change(waitMs, signal)
  const { served } = environment
  if (served === undefined) return refusal(404, `${environment.name} has no bundle yet; push one`)
  // The type tells OPA that it may wait.
  const headers = { etag: `"${served.release.digest}"`, 'content-type': 'application/vnd.openpolicyagent.bundles' }
  return isNew() ? { status: 200, headers, body: served.bundle } : { status: 304, headers }
}

function tagsOf(header = ''): string[] {
  return [...header.matchAll(/"([^"]*)"/g)].flatMap(([, tag]) => tag ?? [])
}

function waitOf(header: string | readonly string[] = ''): number {
  const seconds = /(?:^|[;,\s])wait=(\d{1,6})/.exec(String(header))?.[1] ?? 0
  return Math.min(Number(seconds), LONGEST_WAIT_S)
}
