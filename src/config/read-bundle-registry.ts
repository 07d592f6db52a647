import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { type Token, TokensFile } from '../bundles/server/access-tokens.ts'
import {
  KeysFile,
  type RegisteredEnvironment,
  type Registry,
  publicKeyProblem,
} from '../bundles/server/key-registry.ts'
import { Failure, messageOf } from '../domain/failure.ts'
import { readSettingFile } from './read-setting-file.ts'

const KEYS = 'JOBWARDEN_BUNDLES_KEYS_FILE'
const TOKENS = 'JOBWARDEN_BUNDLES_TOKENS_FILE'

/**
 * Reads the environments of a bundle server and the keys that may sign for each.
 * @throws Failure JW_CONFIG_INVALID that names every key file that cannot be used
 */
export async function readBundleRegistry(file: string): Promise<Registry> {
  const environments = Object.entries(await readSettingFile(KEYS, file, KeysFile))
  const problems: string[] = []
  const registry = new Map<string, RegisteredEnvironment>()
  for (const [name, { roots, keys }] of environments) {
    const files = keys.map((key) => ({ ...key, publicKeyFile: resolve(dirname(file), key.publicKeyFile) }))
    for (const { keyid, algorithm, publicKeyFile } of files) {
      const problem = await keyFileProblem(publicKeyFile, algorithm)
      if (problem !== undefined) problems.push(`  ${name}, key ${keyid}: ${publicKeyFile} ${problem}`)
    }
    registry.set(name, { roots, keys: files })
  }
  if (problems.length > 0) throw new Failure('JW_CONFIG_INVALID', `${KEYS} ${file}:\n${problems.join('\n')}`)
  return registry
}

/**
 * Reads the tokens of a bundle server.
 * @throws Failure JW_CONFIG_INVALID, also if a token has rights to an environment that does not exist
 */
export async function readBundleTokens(file: string, registry: Registry): Promise<readonly Token[]> {
  const { tokens } = await readSettingFile(TOKENS, file, TokensFile)
  const problems = tokens.flatMap(({ name, rights }) =>
    Object.keys(rights)
      .filter((environment) => !registry.has(environment))
      .map((environment) => `  ${name}: the keys file has no environment "${environment}"`),
  )
  if (problems.length > 0) throw new Failure('JW_CONFIG_INVALID', `${TOKENS} ${file}:\n${problems.join('\n')}`)
  return tokens
}

async function keyFileProblem(file: string, algorithm: Parameters<typeof publicKeyProblem>[1]) {
  try {
    return publicKeyProblem(await readFile(file, 'utf8'), algorithm)
  } catch (error) {
    return `cannot be read: ${messageOf(error)}`
  }
}
