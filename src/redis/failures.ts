import { Failure, type FailureCode, detailOf } from '../domain/failure.ts'
import { isCertificateError, nodeCode } from '../domain/node-errors.ts'

/** What BullMQ says when another worker owns the job by now, or has ended it, or when the job is on the queue no more. */
const LOST_JOB =
  /^((could not renew lock|Missing lock|Missing key|Lock mismatch) for job |Job .* is not in the \S+ state)/

/** Codes of a connection that ioredis makes anew by itself. */
const CONNECTION = /^(ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/

/** What ioredis and Redis say while there is no connection, or no master that takes the command. */
const NO_MASTER =
  /^(Connection is closed|Connection in subscriber|Command aborted|All sentinels are unreachable|None of startup nodes|Failed to refresh slots|Too many Cluster redirections|Cluster is |Reached the max retries|CLUSTERDOWN|READONLY|MASTERDOWN|TRYAGAIN|UNBLOCKED|NOSCRIPT)/

/**
 * What a Redis says that is there and takes no commands now, and what ends that. Redis says it at any place of an error
 * that a script met.
 */
const TAKES_NONE: readonly (readonly [said: RegExp, advice: string])[] = [
  [
    /\bOOM command not allowed/,
    'Redis has as much as its maxmemory allows, so that no job is added or taken: raise maxmemory',
  ],
  [/\bMISCONF\b/, 'Redis cannot write its files and takes no writes: free space on its disk; its log names the file'],
  [/\bNOREPLICAS\b/, 'fewer replicas are connected than min-replicas-to-write: start them, or lower it'],
  [/\bBUSY Redis is busy/, 'a script of somebody keeps Redis busy: wait, or call SCRIPT KILL'],
  [/\bmax number of clients reached/, 'close connections to Redis, or raise its maxclients'],
  [/\bLOADING Redis is loading/, 'Redis has started and reads its files: wait'],
]

/** What Redis says to a user that it does not know, or that may not call this, and of a database that it does not have. */
const REFUSED =
  /^(NOAUTH|WRONGPASS|ERR AUTH|ERR DB index|ERR SELECT)|\bNOPERM\b|without any password|user executing the script can't/

/** An error that a queue or its connection emits, as a Failure with its code: an outage is no defect of jobwarden. */
export function queueFailure(error: Error): Failure {
  if (error instanceof Failure) return error
  return new Failure(codeOf(innerError(error) ?? error), inWords(error), { cause: error })
}

/** What an error of Redis says, and what ends it where Redis is there and takes no commands. */
export function inWords(error: unknown): string {
  if (!(error instanceof Error) || error instanceof Failure) return detailOf(error)
  const inner = innerError(error)
  const said = inner === undefined ? error.message || nodeCode(error) : `${error.message} ${inner.message}`
  const [, advice] = TAKES_NONE.find(([pattern]) => pattern.test(said)) ?? []
  return advice === undefined ? said : `${said.replace(/\.$/, '')}; ${advice}`
}

/** What a Cluster's last node said, or the command for which Redis gave up a transaction. */
function innerError(error: Error): Error | undefined {
  if ('lastNodeError' in error && error.lastNodeError instanceof Error) return error.lastNodeError
  if (!('previousErrors' in error) || !Array.isArray(error.previousErrors)) return undefined
  const previous: readonly unknown[] = error.previousErrors
  return previous.find((each) => each instanceof Error)
}

function codeOf(error: Error): FailureCode {
  const said = error.message.replace(/^.*Last error: (Error: |ReplyError: )?/, '')
  if (LOST_JOB.test(error.message)) return 'JW_LOCK_LOST'
  if (REFUSED.test(said) || isCertificateError(error)) return 'JW_REDIS_REFUSED'
  if (CONNECTION.test(nodeCode(error)) || NO_MASTER.test(error.message)) return 'JW_REDIS_UNAVAILABLE'
  if (TAKES_NONE.some(([pattern]) => pattern.test(said))) return 'JW_REDIS_UNAVAILABLE'
  return 'JW_UNEXPECTED'
}
