import { z } from 'zod'
import { readJson } from './opa-response.ts'
import type { OpaResponse } from './opa-transport.ts'

/** A line of OPA's pretty trace is `file:line  | | Exit data.authz.allow early`. */
const TraceBody = z.object({ result: z.unknown().optional(), explanation: z.array(z.string()).optional() })
const EXIT = /^(\S+:\d+)\s+[| ]*Exit data\.(\S+?)(?: early)?$/

/** Where the rules are that made the document at `path` true; none when it is not. The trace is OPA's text for people; only explaining reads it. */
export function readRulesThatHeld(path: string, response: OpaResponse): string[] {
  const { result, explanation = [] } = readJson(`/v1/data/${path}`, response, TraceBody)
  if (result !== true) return []
  const name = path.replaceAll('/', '.')
  const places = explanation.flatMap((line) => {
    const [, place, rule] = EXIT.exec(line) ?? []
    return place !== undefined && rule === name && !place.startsWith('query:') ? [place] : []
  })
  return [...new Set(places)]
}
