import { FAILURES, Failure, type FailureCode } from '../domain/failure.ts'

type PdpFailureCode = Extract<FailureCode, `JW_PDP_${string}`>

/** Quotes of OPA's answers are cut to this length: an answer may be anything. */
const LONGEST = 400

/** OPA gave no proper answer. The message has the path, what came instead, and what to do about it. */
export class PdpFailure extends Failure {
  constructor(code: PdpFailureCode, what: string, options?: { cause?: unknown }) {
    super(code, `${what.slice(0, LONGEST)}. ${FAILURES[code].remedy}`, options)
  }
}

/** A failure that a retry may avoid, and that no item of a batch has caused. */
export class TransientFailure extends PdpFailure {
  override get mayBePoison(): boolean {
    return false
  }

  override get isTransient(): boolean {
    return true
  }
}

/** OPA refused the body of the request, and may accept a part of the batch. */
export class RefusedBody extends PdpFailure {
  override get mayBePoison(): boolean {
    return true
  }
}
