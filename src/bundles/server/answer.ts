/** What a request is answered with: bytes, JSON, or nothing but a status. */
export type Answer = {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Buffer | Readonly<Record<string, unknown>>
}

/** A refusal, with what to do about it. It quotes no token. */
export function refusal(status: number, error: string, headers: Answer['headers'] = {}): Answer {
  return { status, headers, body: { error } }
}
