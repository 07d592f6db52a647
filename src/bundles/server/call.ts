import type { IncomingMessage } from 'node:http'
import type { Token } from './access-tokens.ts'
import type { Environment } from './environment.ts'
import type { Sidecars } from './sidecars.ts'

/** What a bundle server keeps of one environment. */
export type Kept = { readonly environment: Environment; readonly sidecars: Sidecars }

/** A request with a token that is known. */
export type Call = {
  readonly request: IncomingMessage
  readonly url: URL
  readonly token: Token
  /** Aborted when the client goes away or the server stops. */
  readonly signal: AbortSignal
}
