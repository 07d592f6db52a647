import { Failure, type FailureCode, messageOf } from '../domain/failure.ts'
import { isCertificateError, nodeCode } from '../domain/node-errors.ts'

/**
 * PostgreSQL error classes that say "not now" rather than "never": connection, resources, operator intervention,
 * system. Source: PostgreSQL manual, appendix A.
 * 40001 and 40P01 are serialization failures and deadlocks. 55P03 is a lock not available. 25006 is a write on a server
 * that is read-only, as the old master is after a failover.
 */
const TRANSIENT = /^(08|53|57|58|40|XX)|^(55P03|25006)$/

/** What keeps this process out, and what to do about it. No job is at fault for any of these. */
const REFUSED: readonly (readonly [state: RegExp, remedy: string])[] = [
  [/^28P01$/, 'look at the user and the password of JOBWARDEN_DATABASE_URL'],
  [/^28/, 'look at the user of JOBWARDEN_DATABASE_URL, at its sslmode, and at pg_hba.conf'],
  [/^3D000$/, 'look at the name of the database in JOBWARDEN_DATABASE_URL'],
  [
    /^42501$/,
    'grant the user its role, and run `npx jobwarden migrate` as the owner; docs/access.md says who may what',
  ],
  [/^(22023|42704)$/, 'run `npx jobwarden migrate` as the owner: it makes the roles'],
]

/**
 * States that a statement may have too, through the fault of its own: what their messages are when a session has them.
 * A batch is split to find a statement at fault, such as one on a table that nobody granted; a session has no such parts.
 */
const SESSION: Readonly<Record<string, RegExp>> = {
  '22023': /^role "|"role"/,
  '42704': /^role "|"role"/,
  '42501': /^permission denied (to|for (schema|database)) |^must /,
}

/** What the driver says of a server without TLS. */
const WITHOUT_TLS = 'The server does not support SSL connections'

/** What a pooler says that takes no settings of a session, such as PgBouncer in front of transactions. */
const POOLER = /unsupported startup parameter/

/** An error of the database as a Failure: one without a SQLSTATE never reached it. */
export function storeFailure(error: unknown, doing: string): Failure {
  if (error instanceof Failure) return error
  const state = sqlState(error)
  const what = `${doing}: ${messageOf(error) || nodeCode(error)}${state === undefined ? '' : ` (SQLSTATE ${state})`}`
  const remedy = refusal(error, state)
  if (remedy !== undefined) return new Failure('JW_STORE_REFUSED', `${what}; ${remedy}`, { cause: error })
  return new Failure(codeOf(error, state), what, { cause: error })
}

function codeOf(error: unknown, state: string | undefined): FailureCode {
  const waits = state === undefined || TRANSIENT.test(state) || isLostClaim(error, state)
  return waits ? 'JW_STORE_UNAVAILABLE' : 'JW_STORE_REJECTED'
}

function refusal(error: unknown, state: string | undefined): string | undefined {
  const message = messageOf(error)
  if (isCertificateError(error))
    return 'the certificate of PostgreSQL is not trusted: name its authority by sslrootcert in JOBWARDEN_DATABASE_URL'
  if (message === WITHOUT_TLS) return 'turn TLS on there, or write sslmode=disable in JOBWARDEN_DATABASE_URL'
  if (message.startsWith('SASL')) return 'give the user of JOBWARDEN_DATABASE_URL its password'
  if (POOLER.test(message)) return 'connect to PostgreSQL itself: the pooler takes no settings of a session'
  if (state !== undefined && state in SESSION && !SESSION[state]?.test(message)) return undefined
  return state === undefined ? undefined : REFUSED.find(([states]) => states.test(state))?.[1]
}

/** A claim that another worker won at the same moment: the next delivery finds its outcome. */
function isLostClaim(error: unknown, state: string): boolean {
  return (
    state === '23505' &&
    typeof error === 'object' &&
    error !== null &&
    'schema' in error &&
    error.schema === 'ledger' &&
    'table' in error &&
    error.table === 'commands'
  )
}

/** Five letters and digits, and always a digit: EPIPE is no SQLSTATE. */
function sqlState(error: unknown): string | undefined {
  const code = nodeCode(error)
  return /^(?=.*\d)[0-9A-Z]{5}$/.test(code) ? code : undefined
}
