import { Failure, type FailureCode } from '../domain/failure.ts'

/** What BullMQ says when another worker owns the job by now. */
const LOST_LOCK = /^(could not renew lock|Missing lock|Lock mismatch) for job /

/** Codes of a connection that ioredis makes anew by itself. */
const CONNECTION = /^(ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/

/** What ioredis and Redis say while there is no connection, or no master that takes the command. */
const NO_MASTER =
  /^(Connection is closed|Connection in subscriber|Command aborted|All sentinels are unreachable|None of startup nodes|Failed to refresh slots|Too many Cluster redirections|Cluster is |Reached the max retries|CLUSTERDOWN|READONLY|LOADING|MASTERDOWN|TRYAGAIN|UNBLOCKED|NOREPLICAS)/

/** What Redis says to a user that it does not know, or that may not call this, and of a database that it does not have. */
const REFUSED =
  /^(NOAUTH|WRONGPASS|ERR AUTH|ERR DB index|ERR SELECT)|\bNOPERM\b|without any password|user executing the script can't/

/** Codes of Node for a certificate that is not trusted, of either side. */
const CERTIFICATE = /^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_|SELF_SIGNED_CERT|DEPTH_ZERO|EPROTO|HOSTNAME_MISMATCH)/

/** An error that a queue or its connection emits, as a Failure with its code: an outage is no defect of jobwarden. */
export function queueFailure(error: Error): Failure {
  if (error instanceof Failure) return error
  const { message } = error
  const inner = 'lastNodeError' in error && error.lastNodeError instanceof Error ? error.lastNodeError : undefined
  if (inner !== undefined) return new Failure(codeOf(inner), `${message} ${inner.message}`, { cause: error })
  return new Failure(codeOf(error), message || nodeCode(error), { cause: error })
}

function codeOf(error: Error): FailureCode {
  const code = nodeCode(error)
  const said = error.message.replace(/^.*Last error: (Error: |ReplyError: )?/, '')
  if (LOST_LOCK.test(error.message)) return 'JW_LOCK_LOST'
  if (REFUSED.test(said) || CERTIFICATE.test(code)) return 'JW_REDIS_REFUSED'
  if (CONNECTION.test(code) || NO_MASTER.test(error.message)) return 'JW_REDIS_UNAVAILABLE'
  return 'JW_UNEXPECTED'
}

function nodeCode(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : ''
}
