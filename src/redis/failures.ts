import { Failure, type FailureCode, detailOf } from '../domain/failure.ts'
import { isCertificateError, nodeCode } from '../domain/node-errors.ts'

/** What BullMQ says when another worker owns or has ended the job, or when the job is no longer on the queue. */
const LOST_JOB =
  /^((could not renew lock|Missing lock|Missing key|Lock mismatch) for job |Job .* is not in the \S+ state)/

/** Codes of lost connections, which ioredis makes again by itself. */
const CONNECTION = /^(ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/

/** What ioredis and Redis say while there is no connection, or no master that accepts the command. */
const NO_MASTER =
  /^(Connection is closed|Connection in subscriber|Command aborted|All sentinels are unreachable|None of startup nodes|Failed to refresh slots|Too many Cluster redirections|Cluster is |Reached the max retries|CLUSTERDOWN|READONLY|MASTERDOWN|TRYAGAIN|UNBLOCKED|NOSCRIPT)/

/**
 * What a Redis says that is up and accepts no commands now, and how to end that. An error in a script may have this text
 * anywhere in it.
 */
const TAKES_NONE: readonly (readonly [said: RegExp, advice: string])[] = [
  [/\bOOM command not allowed/, 'Redis is at its maxmemory, so no job can be added or taken: raise maxmemory'],
  [/\bMISCONF\b/, 'Redis cannot write its files and takes no writes: free space on its disk; its log names the file'],
  [/\bNOREPLICAS\b/, 'fewer replicas are connected than min-replicas-to-write: start them, or lower it'],
  [/\bBUSY Redis is busy/, 'a script keeps Redis busy: wait, or call SCRIPT KILL'],
  [/\bmax number of clients reached/, 'close connections to Redis, or raise its maxclients'],
  [/\bLOADING Redis is loading/, 'Redis has started and reads its files: wait'],
]

/** What Redis says to a user that it does not know or that lacks the right, and about a database that does not exist. */
const REFUSED =
  /^(NOAUTH|WRONGPASS|ERR AUTH|ERR DB index|ERR SELECT)|\bNOPERM\b|without any password|user executing the script can't/

/** Gives an error of a queue or its connection the code of its failure, so that an outage does not look like a defect. */
export function queueFailure(error: Error): Failure {
  if (error instanceof Failure) return error
  return new Failure(codeOf(innerError(error) ?? error), inWords(error), { cause: error })
}

/** The message of an error of Redis. If Redis is up and accepts no commands, it also says how to end that. */
export function inWords(error: unknown): string {
  if (!(error instanceof Error) || error instanceof Failure) return detailOf(error)
  const inner = innerError(error)
  const said = inner === undefined ? error.message || nodeCode(error) : `${error.message} ${inner.message}`
  const [, advice] = TAKES_NONE.find(([pattern]) => pattern.test(said)) ?? []
  return advice === undefined ? said : `${said.replace(/\.$/, '')}; ${advice}`
}

/** The error of the last node of a Cluster, or of the command for which Redis gave up a transaction. */
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
