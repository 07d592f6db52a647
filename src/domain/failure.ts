import { z } from 'zod'

/**
 * What happens to a job when its processing fails. A failure is never an allow and never a denial.
 * - `delay`: the job is put back with a backoff. It spends no attempt, because it is not at fault.
 * - `attempt`: the job spends one of its attempts. After the last one it is `dead`.
 * - `abandon`: another worker owns the job by now, so this one touches nothing.
 * - `exit`: no job is involved. A process that cannot work, a call of a producer or a command line says why and ends.
 */
export type Disposition = 'delay' | 'attempt' | 'abandon' | 'exit'

type FailureRow = {
  readonly disposition: Disposition
  /** It says that the server is down. Enough of these suspend the calls. */
  readonly outage?: true
  /** One item of a batch may cause it for the whole batch. */
  readonly poison?: true
  /** A retry a moment later may avoid it. */
  readonly retry?: true
  readonly meaning: string
  readonly remedy: string
}

/** Every failure of the system: its code, what becomes of the job, what it means and what to do. */
export const FAILURES = {
  JW_CONFIG_INVALID: {
    disposition: 'exit',
    meaning: 'The configuration is wrong.',
    remedy: 'Correct every listed setting; docs/configuration.md describes each.',
  },
  JW_PDP_UNREACHABLE: {
    disposition: 'delay',
    outage: true,
    retry: true,
    meaning: 'No connection to OPA.',
    remedy: 'Look at the sidecar and at JOBWARDEN_OPA_URL.',
  },
  JW_PDP_TIMEOUT: {
    disposition: 'delay',
    outage: true,
    meaning: 'OPA did not answer within the deadline.',
    remedy: 'Look at the load of OPA and at JOBWARDEN_OPA_TIMEOUT_MS.',
  },
  JW_PDP_BAD_RESPONSE: {
    disposition: 'delay',
    poison: true,
    meaning: 'OPA answered something that is not a decision for every id.',
    remedy: 'Load the policies of policies/jobs; look at what stands between the worker and OPA.',
  },
  JW_PDP_NOT_READY: {
    disposition: 'delay',
    outage: true,
    meaning: 'OPA is up, but its policies are not loaded.',
    remedy: 'Look at the bundle status of OPA. It counts as down until it has its policies.',
  },
  JW_PDP_REJECTED: {
    disposition: 'delay',
    meaning: 'OPA refused the request.',
    remedy: 'Look at its token, its system.authz policy and its body limit.',
  },
  JW_PDP_SERVER_ERROR: {
    disposition: 'delay',
    outage: true,
    poison: true,
    meaning: 'OPA failed to evaluate.',
    remedy: 'Look at the logs of OPA; a conflict in the policies fails the whole query.',
  },
  JW_PDP_CIRCUIT_OPEN: {
    disposition: 'delay',
    meaning: 'Calls to OPA are suspended after repeated failures.',
    remedy: 'Nothing: the worker probes and resumes by itself.',
  },
  JW_PDP_POISON: {
    disposition: 'attempt',
    meaning: 'OPA answers other jobs of the batch, but not this one.',
    remedy: 'Query the policies with this command alone: one of them has a conflict or an error on it.',
  },
  JW_STORE_UNAVAILABLE: {
    disposition: 'delay',
    meaning: 'PostgreSQL cannot be reached or cannot run the statement now.',
    remedy: 'Look at the database and at JOBWARDEN_DATABASE_URL.',
  },
  JW_STORE_REFUSED: {
    disposition: 'delay',
    meaning: 'PostgreSQL and this process do not accept each other: a certificate, a login, a database or a role.',
    remedy: 'Do what the message says; docs/access.md has the roles, and docs/deployment.md the modes of TLS.',
  },
  JW_STORE_UNFIT: {
    disposition: 'exit',
    meaning:
      'This PostgreSQL cannot keep the ledger: too old, not UTF8, read-only, or behind a pooler that drops roles.',
    remedy: 'Correct what the message names, or name another server in JOBWARDEN_DATABASE_URL.',
  },
  JW_STORE_REJECTED: {
    disposition: 'attempt',
    meaning: 'PostgreSQL refused the statement.',
    remedy: 'Run `npx jobwarden migrate`; look at the constraint that the message names.',
  },
  JW_REDIS_UNAVAILABLE: {
    disposition: 'delay',
    meaning: 'Redis cannot be reached, or accepts no commands now: its memory or its disk is full, or it is starting.',
    remedy: 'Look at Redis and JOBWARDEN_REDIS_URL, and run `npx jobwarden redis check`; the worker resumes by itself.',
  },
  JW_REDIS_REFUSED: {
    disposition: 'delay',
    meaning:
      'Redis and this process do not accept each other: a certificate, a password, or a command that the user may not run.',
    remedy: 'Look at the JOBWARDEN_REDIS_* settings and at the ACL file; `npx jobwarden redis acl` writes one.',
  },
  JW_REDIS_UNFIT: {
    disposition: 'exit',
    meaning: 'This Redis may lose jobs by itself: it evicts keys, or it is a replica.',
    remedy: 'Set `maxmemory-policy noeviction`, and name the master. docs/redis.md says what else keeps jobs.',
  },
  JW_QUEUE_UNAVAILABLE: {
    disposition: 'exit',
    meaning: 'Redis did not accept the commands of a producer.',
    remedy: 'Look at Redis and JOBWARDEN_REDIS_URL, then enqueue again: ids that are on the queue are not added twice.',
  },
  JW_QUEUE_UNCONFIRMED: {
    disposition: 'exit',
    meaning: 'Commands are enqueued, but fewer replicas have them than JOBWARDEN_REDIS_CONFIRM_REPLICAS.',
    remedy: 'Enqueue the same ids again: those on the queue are not added twice. Look at the replicas of Redis.',
  },
  JW_AUDIT_UNAVAILABLE: {
    disposition: 'delay',
    meaning: 'The audit queue did not accept a denial.',
    remedy: 'Look at Redis. The ledger keeps the denial; the sweep publishes it again.',
  },
  JW_AUDIT_UNKNOWN: {
    disposition: 'attempt',
    meaning: 'A job of the audit queue names a denial that the ledger does not have.',
    remedy: 'Somebody else writes to the audit queue: review the Redis ACLs.',
  },
  JW_TRAIL_BROKEN: {
    disposition: 'exit',
    meaning: 'The hashes that are stored of the audit trail are not those of a whole tree.',
    remedy: 'Append nothing more and keep the database as it is: docs/trail.md says how to find what was changed.',
  },
  JW_BUNDLES_UNAVAILABLE: {
    disposition: 'exit',
    meaning: 'The bundle server cannot be reached, or fails.',
    remedy: 'Look at the server and at JOBWARDEN_BUNDLES_URL. Sidecars keep the policies that they have.',
  },
  JW_BUNDLES_REFUSED: {
    disposition: 'exit',
    meaning: 'The bundle server refused a bundle, or a token.',
    remedy: 'Correct what the message names. The server still serves what it served before.',
  },
  JW_KEYS_UNAVAILABLE: {
    disposition: 'exit',
    meaning: 'The JWKS URL of the producer keys cannot be reached, or what it serves cannot be used.',
    remedy:
      'Look at the URL and at JOBWARDEN_PRODUCER_KEYS_URL. No worker starts without it; one that runs keeps its keys.',
  },
  JW_LOCK_LOST: {
    disposition: 'abandon',
    meaning: 'The job lock expired and another worker took the job over, or the job is gone from the queue.',
    remedy:
      'Nothing: the ledger prevents a second effect. If it is frequent, look for frozen workers. If jobs are gone, somebody ' +
      'removed them or Redis lost its data: see "Redis is lost" in docs/runbook.md.',
  },
  JW_UNEXPECTED: {
    disposition: 'attempt',
    meaning: 'A defect of jobwarden.',
    remedy: 'Report it with the log line and its cause.',
  },
} as const satisfies Record<string, FailureRow>

export type FailureCode = keyof typeof FAILURES

/** An error with a code of the table. `message` says what, where and what to do; secrets never enter it. */
export class Failure extends Error {
  readonly code: FailureCode

  constructor(code: FailureCode, message: string, options?: { cause?: unknown }) {
    super(`${code}: ${message}`, options)
    this.name = 'Failure'
    this.code = code
  }

  get disposition(): Disposition {
    return rowOf(this.code).disposition
  }

  /** Whether it says that the server is down. A refusal or a denial says that the server works. */
  get isOutage(): boolean {
    return rowOf(this.code).outage === true
  }

  /** Whether one item of a batch may have caused it for the whole batch. */
  get mayBePoison(): boolean {
    return rowOf(this.code).poison === true
  }

  /** Whether a retry a moment later may avoid it. */
  get isTransient(): boolean {
    return rowOf(this.code).retry === true
  }
}

function rowOf(code: FailureCode): FailureRow {
  return FAILURES[code]
}

/** Any thrown value as a Failure. An error that no adapter has given a code is a defect. */
export function toFailure(thrown: unknown): Failure {
  if (thrown instanceof Failure) return thrown
  return new Failure('JW_UNEXPECTED', messageOf(thrown), { cause: thrown })
}

/** The message of a thrown value. */
export function messageOf(thrown: unknown): string {
  if (thrown instanceof z.ZodError) return z.prettifyError(thrown) // Its own message is JSON.
  if (thrown instanceof Error) return thrown.message
  return typeof thrown === 'string' ? thrown : 'something that is not an error was thrown'
}

/** The message of a thrown value, without the code if it is a Failure, for use in a message with another code. */
export function detailOf(thrown: unknown): string {
  const message = messageOf(thrown)
  return thrown instanceof Failure ? message.slice(thrown.code.length + 2) : message
}
