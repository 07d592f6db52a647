import { FAILURES, Failure, type FailureCode } from '../domain/failure.ts'

type PdpFailureCode = Extract<FailureCode, `JW_PDP_${string}`>

/** Quotes of what OPA answered are cut: it may be anything, of any length. */
const LONGEST = 400

/** No answer from OPA: which path, what came instead, and what to do about it. */
export class PdpFailure extends Failure {
  constructor(code: PdpFailureCode, what: string, options?: { cause?: unknown }) {
    super(code, `${what.slice(0, LONGEST)}. ${FAILURES[code].remedy}`, options)
  }
}

/** A failure that the next try may not meet, and that no item of a batch has caused. */
export class TransientFailure extends PdpFailure {
  override get mayBePoison(): boolean {
    return false
  }

  override get isTransient(): boolean {
    return true
  }
}

/** OPA does not take the body of the request: a part of the batch it may take. */
export class RefusedBody extends PdpFailure {
  override get mayBePoison(): boolean {
    return true
  }
}
