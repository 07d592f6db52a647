import { Failure } from '../domain/failure.ts'
import { ProducerKeys } from '../signing/producer-keys.ts'
import { readSettingFile } from './read-setting-file.ts'

/**
 * Reads a file of producer keys. No message quotes the file's content.
 * @throws Failure JW_CONFIG_INVALID that names the file, the place in it and what to do
 */
export async function readProducerKeys(file: string | undefined): Promise<ProducerKeys> {
  if (file === undefined)
    throw new Failure(
      'JW_CONFIG_INVALID',
      'JOBWARDEN_PRODUCER_KEYS_FILE: name the JWK Set of the producer keys; `npx jobwarden keys make` makes one',
    )
  return readSettingFile('JOBWARDEN_PRODUCER_KEYS_FILE', file, ProducerKeys)
}
