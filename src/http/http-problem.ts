export type HttpProblemOptions = {
  readonly headers?: Readonly<Record<string, string>>
  readonly cause?: unknown
}

/**
 * Thrown by a handler or a hook: what a request is refused with. The client gets the message, so it says what to do and
 * quotes no secret; the cause is for the log, where it goes from status 500 on.
 */
export class HttpProblem extends Error {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, message: string, { headers = {}, cause }: HttpProblemOptions = {}) {
    super(message, { cause })
    this.name = 'HttpProblem'
    this.status = status
    this.headers = headers
  }
}
