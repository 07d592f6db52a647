import { readFile } from 'node:fs/promises'
import { Failure } from '../domain/failure.ts'
import { type ProducerJwk, ProducerJwks } from '../signing/producer-keys.ts'

/**
 * Reads a JWK Set of producer keys. No message quotes the file's content.
 * @throws Failure JW_CONFIG_INVALID that names the file, the place in it and what to do
 */
export async function readProducerKeys(file: string | undefined): Promise<readonly ProducerJwk[]> {
  if (file === undefined)
    throw new Failure(
      'JW_CONFIG_INVALID',
      'JOBWARDEN_PRODUCER_KEYS_FILE: name the JWK Set of the producer keys; `npx jobwarden keys` makes one',
    )
  let json: unknown
  try {
    json = JSON.parse(await readFile(file, 'utf8'))
  } catch (error) {
    const why = error instanceof SyntaxError ? 'it is not JSON' : 'it cannot be read'
    throw new Failure('JW_CONFIG_INVALID', `JOBWARDEN_PRODUCER_KEYS_FILE ${file}: ${why}`)
  }
  const parsed = ProducerJwks.safeParse(json)
  if (parsed.success) return parsed.data.keys
  const problems = parsed.error.issues.map(({ path, message }) => `  ${path.join('.') || 'the file'}: ${message}`)
  throw new Failure('JW_CONFIG_INVALID', `JOBWARDEN_PRODUCER_KEYS_FILE ${file}:\n${problems.join('\n')}`)
}
