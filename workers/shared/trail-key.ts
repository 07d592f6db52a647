import { readFileSync } from 'node:fs'
import { type SigningKey, parseSigningKey } from '../../src/audit/tree/note-keys.ts'
import type { Config } from '../../src/config/settings.ts'
import { Failure, messageOf } from '../../src/domain/failure.ts'

/**
 * The key that signs the tree of the trail; undefined when this process has none.
 * @throws Failure JW_CONFIG_INVALID when the file is no such key, or the origin can be no name of one
 */
export function trailKey({ trailKeyFile: file, trailOrigin: origin }: Config): SigningKey | undefined {
  if (file === undefined || origin === undefined) return undefined
  const key = parseSigningKey(origin, 'ed25519', pemOf(file))
  if ('refused' in key)
    throw new Failure('JW_CONFIG_INVALID', `JOBWARDEN_TRAIL_KEY_FILE, JOBWARDEN_TRAIL_ORIGIN: ${key.refused.message}`)
  return key.value
}

function pemOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new Failure('JW_CONFIG_INVALID', `JOBWARDEN_TRAIL_KEY_FILE: ${messageOf(error)}`, { cause: error })
  }
}
