import { createPublicKey } from 'node:crypto'
import { z } from 'zod'
import { EnvironmentName } from '../../domain/activation.ts'

/** The packages of policies. A bundle that owns others could, for one, replace `system.authz` of a sidecar. */
const ROOTS = ['authz', 'data_filter', 'jobs']

/** Algorithms that OPA verifies, with what they want of a key. OPA 1.22 knows no EdDSA for bundles. */
const SUITS = {
  ES256: { test: isP256, wants: 'an EC key on P-256' },
  RS256: { test: isRsa, wants: 'an RSA key of at least 2048 bits' },
} as const satisfies Record<string, { test: (pem: string) => boolean; wants: string }>

export const ALGORITHMS = ['ES256', 'RS256'] as const satisfies readonly (keyof typeof SUITS)[]
export type BundleAlgorithm = (typeof ALGORITHMS)[number]

/** The name of a key, in the signature and in the audit trail. */
export const KeyId = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'must be a plain name')

const Key = z.strictObject({ keyid: KeyId, algorithm: z.enum(ALGORITHMS), publicKeyFile: z.string().min(1) })

/** The environments of a bundle server: who may sign for each, and which packages a bundle may own. */
export const KeysFile = z
  .record(
    EnvironmentName,
    z.strictObject({
      roots: z
        .array(z.string().regex(/^[a-z_][a-zA-Z0-9_/]*$/, 'must be a package as a path'))
        .min(1)
        .default(ROOTS),
      keys: z
        .array(Key)
        .min(1)
        .refine((keys) => new Set(keys.map(({ keyid }) => keyid)).size === keys.length, 'has a keyid twice'),
    }),
  )
  .refine((environments) => Object.keys(environments).length > 0, 'names no environment')

/** A public key that may sign for an environment. The file is the one that OPA reads. */
export type RegisteredKey = z.infer<typeof Key>

export type RegisteredEnvironment = { readonly roots: readonly string[]; readonly keys: readonly RegisteredKey[] }

/** Environments by name. */
export type Registry = ReadonlyMap<string, RegisteredEnvironment>

/** The algorithm that a key signs bundles with. Undefined for a key that OPA has no use for. */
export function algorithmOf(pem: string): BundleAlgorithm | undefined {
  return ALGORITHMS.find((algorithm) => SUITS[algorithm].test(pem))
}

/** What is wrong with the public key of a registration, or undefined. */
export function publicKeyProblem(pem: string, algorithm: BundleAlgorithm): string | undefined {
  if (pem.includes('PRIVATE KEY')) return 'holds a private key; only its public part belongs here'
  return SUITS[algorithm].test(pem) ? undefined : `is not ${SUITS[algorithm].wants} in PEM`
}

function isP256(pem: string): boolean {
  return publicKeyOf(pem)?.asymmetricKeyDetails?.namedCurve === 'prime256v1'
}

function isRsa(pem: string): boolean {
  const key = publicKeyOf(pem)
  return key?.asymmetricKeyType === 'rsa' && (key.asymmetricKeyDetails?.modulusLength ?? 0) >= 2048
}

/** Of a private key, its public part. */
function publicKeyOf(pem: string) {
  try {
    return createPublicKey(pem)
  } catch {
    return undefined // It is no key at all.
  }
}
