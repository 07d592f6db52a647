import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { z } from 'zod'
import { readSettingFile } from '../src/config/read-setting-file.ts'
import { Failure } from '../src/domain/failure.ts'
import type { ProducerLimits } from '../src/domain/producer-limits.ts'
import { ProducerJwk, type ProducerKeys } from '../src/signing/producer-keys.ts'
import type { NewFile } from './write-new-files.ts'

export const KEY_ALGORITHMS = ['HS256', 'EdDSA'] as const
export type KeyAlgorithm = (typeof KEY_ALGORITHMS)[number]

/** Who signs with a key, what it may do and when it ends. */
type Registration = {
  readonly kid: string
  readonly producer?: string | undefined
  readonly may: ProducerLimits
  readonly until?: string | undefined
}

/** A key made now. */
export function newKey(alg: KeyAlgorithm, { kid, producer = kid, may, until }: Registration): ProducerJwk {
  return ProducerJwk.parse({
    kid,
    ...(producer !== kid && { producer }),
    ...(alg === 'HS256' ? newSecret() : newPair()),
    may,
    ...(until !== undefined && { until }),
  })
}

function newSecret() {
  return { kty: 'oct', alg: 'HS256', k: randomBytes(32).toString('base64url') }
}

function newPair() {
  return { ...generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }), alg: 'EdDSA' }
}

const OneKey = z.preprocess(
  (json) => (typeof json === 'object' && json !== null && 'kty' in json ? { keys: [json] } : json),
  z.strictObject({ keys: z.tuple([ProducerJwk], 'must hold one key') }),
)

/** The key of the file that `--from` names, as workers need it. @throws Failure JW_CONFIG_INVALID */
export async function keyFrom(file: string): Promise<ProducerJwk> {
  return verifyingPart((await readSettingFile('--from', file, OneKey)).keys[0])
}

/** What workers need of a key to verify with it: a secret, or the public part alone. */
export function verifyingPart(key: ProducerJwk): ProducerJwk {
  if (key.kty === 'oct') return key
  const { d: _private, ...publicPart } = key
  return publicPart
}

/** A key as a file of its own, which only its owner may read. */
export function keyFile(file: string, key: ProducerJwk): NewFile {
  return { file, text: `${JSON.stringify({ keys: [key] }, null, 2)}\n`, mode: 0o600 }
}

/** @throws Failure JW_CONFIG_INVALID when there is a key of this name */
export function requireNewName({ keys }: ProducerKeys, file: string, name: string): void {
  if (!keys.some(({ kid }) => kid === name)) return
  const why = `it has a key "${name}" already, and every key has a name of its own`
  throw new Failure('JW_CONFIG_INVALID', `--into ${file}: ${why}; \`jobwarden keys rotate\` puts a successor beside it`)
}
