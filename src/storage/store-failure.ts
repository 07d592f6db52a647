import { Failure, messageOf } from '../domain/failure.ts'

/**
 * PostgreSQL error classes that say "not now" rather than "never": connection, resources, operator intervention,
 * system. Source: PostgreSQL manual, appendix A.
 * 40001 and 40P01 are serialization failures and deadlocks. 55P03 is a lock not available.
 */
const TRANSIENT = /^(08|53|57|58|40|XX)|^55P03$/

/** An error of the database as a Failure: one without a SQLSTATE never reached it. */
export function storeFailure(error: unknown, doing: string): Failure {
  if (error instanceof Failure) return error
  const state = sqlState(error)
  const what = messageOf(error)
  const code =
    state === undefined || TRANSIENT.test(state) || isLostClaim(error, state)
      ? 'JW_STORE_UNAVAILABLE'
      : 'JW_STORE_REJECTED'
  return new Failure(code, `${doing}: ${what}${state === undefined ? '' : ` (SQLSTATE ${state})`}`, { cause: error })
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

function sqlState(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  const { code } = error
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined
}
