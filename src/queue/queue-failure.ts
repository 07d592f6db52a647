import { Failure } from '../domain/failure.ts'

/** What BullMQ says when another worker owns the job by now. */
const LOST_LOCK = /^(could not renew lock|Missing lock|Lock mismatch) for job /

/** Errors of a connection that ioredis makes anew by itself. */
const CONNECTION = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
])

/** An error that a queue or its connection emits, as a Failure with its code: an outage is no defect of jobwarden. */
export function queueFailure(error: Error): Failure {
  if (error instanceof Failure) return error
  if (LOST_LOCK.test(error.message)) return new Failure('JW_LOCK_LOST', error.message, { cause: error })
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  if (CONNECTION.has(code) || error.message === 'Connection is closed.')
    return new Failure('JW_REDIS_UNAVAILABLE', error.message || code, { cause: error })
  return new Failure('JW_UNEXPECTED', error.message, { cause: error })
}
