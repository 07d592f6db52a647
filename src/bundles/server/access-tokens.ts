import { createHash, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { EnvironmentName } from '../../domain/activation.ts'

/** What a token may be good for in an environment. */
const RIGHTS = ['pull', 'push', 'report', 'read'] as const
export type Right = (typeof RIGHTS)[number]

const Token = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'must be a plain name'),
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be the SHA-256 of the token in lower-case hex'),
  rights: z.record(EnvironmentName, z.array(z.enum(RIGHTS)).min(1)),
})
export type Token = z.infer<typeof Token>

export const TokensFile = z.strictObject({
  tokens: z
    .array(Token)
    .min(1)
    .refine((tokens) => new Set(tokens.map(({ name }) => name)).size === tokens.length, 'has a name twice'),
})

/** The tokens that a bundle server knows, of which it has only the hashes. */
export class AccessTokens {
  readonly #tokens: readonly { readonly token: Token; readonly hash: Buffer }[]

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens.map((token) => ({ token, hash: Buffer.from(token.sha256, 'hex') }))
  }

  /** The token of an `Authorization` header. It compares with every one of them, so the time taken tells nothing. */
  find(authorization: string | undefined): Token | undefined {
    const bearer = /^Bearer ([\x21-\x7e]{1,512})$/i.exec(authorization ?? '')?.[1]
    if (bearer === undefined) return undefined
    const hash = createHash('sha256').update(bearer).digest()
    let found: Token | undefined
    for (const each of this.#tokens) if (timingSafeEqual(each.hash, hash)) found = each.token
    return found
  }
}

/** Whether a token is good for this, there. */
export function mayDo({ rights }: Token, right: Right, environment: string): boolean {
  return Object.hasOwn(rights, environment) && (rights[environment] ?? []).includes(right)
}
