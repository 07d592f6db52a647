import { Failure } from '../domain/failure.ts'
import { type ProducerJwk, ProducerJwks } from '../signing/producer-keys.ts'
import { readSettingFile } from './read-setting-file.ts'

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
  return (await readSettingFile('JOBWARDEN_PRODUCER_KEYS_FILE', file, ProducerJwks)).keys
}
