import CircuitBreaker from 'opossum'
import { Failure } from '../domain/failure.ts'
import { PdpFailure } from './pdp-failure.ts'

export type CircuitOptions = {
  /** Opens when this share of the calls of the last two seconds has failed, in percent. */
  readonly errorPercent: number
  /** Fewer calls than this do not open it. */
  readonly minimumCalls: number
  /** How long it stays open before it lets a probe through. */
  readonly resetMs: number
}

/** Short, so that many good calls just before an outage do not hide it. */
const WINDOW_MS = 2_000

/**
 * Suspends calls to a PDP that is down. Nobody calls while the circuit is open, so it probes by itself: `probe` runs when
 * the reset time has passed, and closes the circuit if it succeeds.
 */
export class Circuit {
  readonly #breaker: CircuitBreaker<[() => Promise<unknown>]>

  constructor(options: CircuitOptions, probe: () => Promise<unknown>, onChange: (open: boolean) => void) {
    this.#breaker = new CircuitBreaker((call: () => Promise<unknown>) => call(), {
      timeout: false,
      errorThresholdPercentage: options.errorPercent,
      volumeThreshold: options.minimumCalls,
      resetTimeout: options.resetMs,
      rollingCountTimeout: WINDOW_MS,
      // A probe that fails in any way leaves it open.
      errorFilter: (error: unknown) => !this.#breaker.halfOpen && !isOutage(error),
    })
    let told = false
    const tell = (open: boolean) => {
      if (open === told) return // A probe failed and opened it again: nothing has changed.
      told = open
      onChange(open)
    }
    this.#breaker.on('open', () => tell(true))
    this.#breaker.on('close', () => tell(false))
    this.#breaker.on('halfOpen', () => {
      this.#breaker.fire(probe).catch(() => undefined) // A failed probe opens the circuit again; that is its report.
    })
  }

  get open(): boolean {
    return this.#breaker.opened || this.#breaker.halfOpen
  }

  /** Runs `call` unless the circuit is open. @throws Failure JW_PDP_CIRCUIT_OPEN, or what `call` throws */
  async call<Result>(call: () => Promise<Result>): Promise<Result> {
    // The breaker itself would count a refused call as one that did not fail.
    if (this.open || this.#breaker.isShutdown)
      throw new PdpFailure('JW_PDP_CIRCUIT_OPEN', 'calls to OPA are suspended until it answers a probe')
    let result: { readonly value: Result } | undefined
    await this.#breaker.fire(async () => {
      result = { value: await call() }
    })
    if (result === undefined) throw new Failure('JW_UNEXPECTED', 'the circuit breaker resolved without an answer')
    return result.value
  }

  close(): void {
    this.#breaker.shutdown()
  }
}

function isOutage(error: unknown): boolean {
  return error instanceof Failure && error.isOutage
}
