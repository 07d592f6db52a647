import { z } from 'zod'
import { Failure } from '../domain/failure.ts'
import { parseStrictJson } from '../json/parse-strict-json.ts'
import type { OpaResponse } from './opa-transport.ts'
import { ErrorBody } from './opa-wire.ts'

/** Statuses that a proxy or a busy OPA gives and that the next try may not. */
const TRANSIENT_STATUS = new Set([429, 502, 503, 504])

/** Deep enough for any policy's result. */
const MAX_DEPTH = 64

/** A failure of one call that another try may not meet. */
export class TransientFailure extends Failure {}

/**
 * Reads the JSON of a 200; anything else is a failure that names the path, the policy and what to do.
 * @throws Failure JW_PDP_SERVER_ERROR | JW_PDP_REJECTED | JW_PDP_BAD_RESPONSE
 */
export function readJson<Schema extends z.ZodType>(
  path: string,
  response: OpaResponse,
  schema: Schema,
): z.infer<Schema> {
  if (response.status !== 200) throw statusFailure(path, response)
  const json = parseStrictJson(response.body.trimEnd(), MAX_DEPTH)
  if ('refused' in json)
    throw new Failure('JW_PDP_BAD_RESPONSE', `OPA ${path} answered no proper JSON: ${json.refused.code}`)
  return accept(path, json.value, schema)
}

/** Takes a value of an answer as what it should be. @throws Failure JW_PDP_BAD_RESPONSE that says where it is not */
export function accept<Schema extends z.ZodType>(path: string, value: unknown, schema: Schema): z.infer<Schema> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const where = parsed.error.issues.slice(0, 3).map(({ path: at, message }) => `${at.join('.') || 'body'}: ${message}`)
  throw new Failure('JW_PDP_BAD_RESPONSE', `OPA ${path} answered something else (${where.join('; ')})`)
}

function statusFailure(path: string, { status, body }: OpaResponse): Failure {
  const what = `OPA ${path} answered ${status}${errorDetail(body)}`
  if (status === 429) return new TransientFailure('JW_PDP_REJECTED', what)
  if (TRANSIENT_STATUS.has(status)) return new TransientFailure('JW_PDP_SERVER_ERROR', what)
  if (status >= 500) return new Failure('JW_PDP_SERVER_ERROR', what)
  if (status >= 400) return new Failure('JW_PDP_REJECTED', `${what}; ${hint(status)}`)
  return new Failure('JW_PDP_BAD_RESPONSE', what)
}

function errorDetail(body: string): string {
  const parsed = ErrorBody.safeParse(safeJson(body))
  if (!parsed.success) return ''
  const { code, message, errors = [] } = parsed.data
  const first = errors[0]
  const place = first?.location === undefined ? '' : ` in ${first.location.file}:${first.location.row}`
  return ` ${code}: ${first?.message ?? message}${place}`.slice(0, 400)
}

function safeJson(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined // An error page of something that is not OPA: its status alone counts.
  }
}

function hint(status: number): string {
  switch (status) {
    case 401:
    case 403:
      return 'look at the token and at the system.authz policy of OPA'
    case 413:
      return 'the batch exceeds the body limit of OPA (server.decoding.max_length)'
    default:
      return 'look at the version of OPA and at what stands between it and the worker'
  }
}
