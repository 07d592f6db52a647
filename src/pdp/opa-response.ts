import { z } from 'zod'
import { issuesInWords } from '../parsing/issues-in-words.ts'
import { jsonOrUndefined, parseStrictJson } from '../parsing/parse-json.ts'
import type { OpaResponse } from './opa-transport.ts'
import { ErrorBody, DECISIONS_PATH, type Decisions } from './opa-wire.ts'
import { PdpFailure, RefusedBody, TransientFailure } from './pdp-failure.ts'
import type { Decision, DecisionRequest } from '../domain/decision.ts'

/** Statuses of a proxy or a busy OPA, which a retry may avoid. */
const TRANSIENT_STATUS = new Set([502, 503, 504])

/** Deep enough for any policy's result. */
const RESULT = { maxDepth: 64, anyText: false }

/** How deep an answer may nest, and whether it may hold text that the ledger cannot store. */
type JsonLimits = { readonly maxDepth: number; readonly anyText: boolean }

/**
 * Reads the JSON of a 200; anything else is a failure that names the path, the policy and what to do.
 * @throws Failure JW_PDP_SERVER_ERROR | JW_PDP_REJECTED | JW_PDP_BAD_RESPONSE
 */
export function readJson<Schema extends z.ZodType>(
  path: string,
  response: OpaResponse,
  schema: Schema,
  limits: JsonLimits = RESULT,
): z.infer<Schema> {
  if (response.status !== 200) throw statusFailure(path, response)
  const json = parseStrictJson(response.body.trimEnd(), limits.maxDepth)
  if ('refused' in json)
    throw new PdpFailure('JW_PDP_BAD_RESPONSE', `OPA ${path} did not answer with proper JSON: ${json.refused.code}`)
  if (!limits.anyText && !storable(json.value))
    throw new PdpFailure('JW_PDP_BAD_RESPONSE', `OPA ${path} answered text that the ledger cannot store`)
  return accept(path, json.value, schema)
}

/** Parses a part of an answer. @throws Failure JW_PDP_BAD_RESPONSE that says where it breaks the schema */
export function accept<Schema extends z.ZodType>(path: string, value: unknown, schema: Schema): z.infer<Schema> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const where = issuesInWords(parsed.error, 'body').slice(0, 3)
  throw new PdpFailure('JW_PDP_BAD_RESPONSE', `OPA ${path} answered something else (${where.join('; ')})`)
}

/** Whether there is no NUL and no half of a surrogate pair: for one, PostgreSQL refuses the outcomes of a whole batch. */
function storable(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed() && !value.includes('\0')
  if (typeof value !== 'object' || value === null) return true
  return Object.entries(value).every(([key, member]) => storable(key) && storable(member))
}

/** The failure that a status other than 200 means. */
export function statusFailure(path: string, { status, body }: OpaResponse): PdpFailure {
  const what = `OPA ${path} answered ${status}${errorDetail(body)}`
  if (status === 429) return new TransientFailure('JW_PDP_REJECTED', what)
  if (TRANSIENT_STATUS.has(status)) return new TransientFailure('JW_PDP_SERVER_ERROR', what)
  if (status >= 500) return new PdpFailure('JW_PDP_SERVER_ERROR', what)
  // OPA answers 400, and others 413, to a body that exceeds server.decoding.max_length.
  if (status === 400 || status === 413) return new RefusedBody('JW_PDP_REJECTED', what)
  if (status > 400) return new PdpFailure('JW_PDP_REJECTED', what)
  return new PdpFailure('JW_PDP_BAD_RESPONSE', what)
}

function errorDetail(body: string): string {
  // An error page of something other than OPA has no details: only its status counts.
  const parsed = ErrorBody.safeParse(jsonOrUndefined(body))
  if (!parsed.success) return ''
  const { code, message, errors: [first] = [] } = parsed.data
  if (first === undefined) return ` ${code}: ${message}`
  const place = first.location === undefined ? '' : ` in ${first.location.file}:${first.location.row}`
  // The text after the colon quotes values, which may be the content of a resource: the rule or built-in is enough.
  const [what] = first.message.split(':', 1)
  return ` ${first.code}: ${what}${place}`
}

/** Pairs requests and answers. @throws Failure JW_PDP_BAD_RESPONSE unless every id has an answer, and no other id */
export function pairAnswers(
  requests: ReadonlyMap<string, DecisionRequest>,
  { revision: policyRevision, answers }: Decisions,
): Map<string, Decision> {
  const decisions = new Map<string, Decision>()
  for (const [id, answer] of Object.entries(answers)) {
    if (!requests.has(id)) throw mismatch(`an answer for "${id}", which was not asked about`)
    decisions.set(
      id,
      answer.allow
        ? { effect: 'allow', masks: answer.masks, policyRevision }
        : { effect: 'deny', reasons: answer.reasons, policyRevision },
    )
  }
  const missing = [...requests.keys()].find((id) => !decisions.has(id))
  if (missing !== undefined) throw mismatch(`no answer for "${missing}"`)
  return decisions
}

function mismatch(what: string): PdpFailure {
  return new PdpFailure('JW_PDP_BAD_RESPONSE', `OPA ${DECISIONS_PATH} gave ${what}`)
}

/** A line of OPA's pretty trace is `file:line  | | Exit data.authz.allow early`. */
const TraceBody = z.object({ result: z.unknown().optional(), explanation: z.array(z.string()).optional() })
const EXIT = /^(\S+:\d+)\s+[| ]*Exit data\.(\S+?)(?: early)?$/

/**
 * Where the rules are that made the document at `path` true; none when it is not true. Only `explain` reads this trace,
 * which OPA writes for people.
 */
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
