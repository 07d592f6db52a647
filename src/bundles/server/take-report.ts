import type { Activation } from '../../domain/activation.ts'
import { mayDo } from './access-tokens.ts'
import { type Answer, refusal } from './answer.ts'
import type { Call, Kept } from './call.ts'
import { readBody } from './read-body.ts'
import { StatusReport } from './status-report.ts'

const MAX_REPORT_BYTES = 1024 * 1024

/** Takes a report of OPA's status plugin. Bundles that are not of this server are none of its business. */
export async function takeReport(
  { request, token }: Call,
  kept: ReadonlyMap<string, Kept>,
  onActivation: (activation: Activation) => void,
): Promise<Answer> {
  const body = await readBody(request, MAX_REPORT_BYTES)
  if (body === undefined) return refusal(413, `a report may have ${MAX_REPORT_BYTES} bytes at most`)
  const report = StatusReport.safeParse(parseJson(body))
  if (!report.success) return refusal(422, 'this is no status report of OPA')
  const { labels, bundles } = report.data
  const foreign = Object.keys(bundles).filter((name) => kept.has(name) && !mayDo(token, 'report', name))
  if (foreign.length > 0) return refusal(403, `the token "${token.name}" may not report on ${foreign.join(', ')}`)
  for (const [name, bundle] of Object.entries(bundles)) {
    const activation = await kept.get(name)?.sidecars.hear(labels.instance ?? labels.id, bundle)
    if (activation !== undefined) onActivation(activation)
  }
  return { status: 204 }
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString())
  } catch {
    return undefined
  }
}
