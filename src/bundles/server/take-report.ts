import { HttpProblem } from '../../http/http-problem.ts'
import { jsonOrUndefined } from '../../parsing/parse-json.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { type Token, mayDo } from './access-tokens.ts'
import type { KeptByName } from './kept.ts'
import { onDisk } from './on-disk.ts'
import { StatusReport } from './status-report.ts'

/** Takes a report of OPA's status plugin. Bundles that are not of this server are none of its business. */
export async function takeReport(body: Buffer, token: Token, all: KeptByName, log: Logger): Promise<void> {
  const report = StatusReport.safeParse(jsonOrUndefined(body.toString()))
  if (!report.success) throw new HttpProblem(422, 'this is no status report of OPA')
  const { labels, bundles } = report.data
  const foreign = Object.keys(bundles).filter((name) => all.has(name) && !mayDo(token, 'report', name))
  if (foreign.length > 0)
    throw new HttpProblem(403, `the token "${token.name}" may not report on ${foreign.join(', ')}`)
  for (const [name, bundle] of Object.entries(bundles)) {
    const activation = await onDisk(async () => all.get(name)?.sidecars.hear(labels.instance ?? labels.id, bundle))
    if (activation === undefined) continue
    const { revision, sidecar } = activation
    log.info({ bundle: name, revision, sidecar }, 'activated')
  }
}
