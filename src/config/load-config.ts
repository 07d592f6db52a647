import { readFileSync } from 'node:fs'
import { Failure } from '../domain/failure.ts'
import { contradictions } from './contradictions.ts'
import { type Config, SECRETS, Settings, environmentName } from './settings.ts'

const NAMES = new Map(Object.keys(Settings.shape).map((setting) => [environmentName(setting), setting]))

/**
 * Reads the JOBWARDEN_* settings of an environment. An empty value means that the setting is not given.
 * @throws Failure JW_CONFIG_INVALID that lists every problem at once, unknown names included: a typo must not pass
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const problems: string[] = []
  const given: Record<string, string> = {}
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith('JOBWARDEN_') || value === undefined || value === '') continue
    const setting = NAMES.get(name)
    const secret = SECRETS.find((key) => name === `${environmentName(key)}_FILE`)
    if (setting !== undefined) given[setting] = value
    else if (secret !== undefined) readSecret(name, value, secret, given, problems)
    else problems.push(`${name}: there is no such setting`)
  }
  const parsed = Settings.safeParse(given)
  for (const { path, message } of parsed.error?.issues ?? [])
    if (given[String(path[0])] !== '') problems.push(`${environmentName(String(path[0]))}: ${message}`)
  if (parsed.data !== undefined) problems.push(...contradictions(parsed.data, given))
  if (parsed.data !== undefined && problems.length === 0) return Object.freeze(parsed.data)
  throw new Failure('JW_CONFIG_INVALID', `\n${problems.map((problem) => `  ${problem}`).join('\n')}`)
}

function readSecret(
  name: string,
  file: string,
  setting: (typeof SECRETS)[number],
  given: Record<string, string>,
  problems: string[],
): void {
  if (given[setting] !== undefined) problems.push(`${name}: ${environmentName(setting)} is set as well`)
  try {
    // Editors and `echo` end a file with a line break. Spaces may be part of a password.
    given[setting] = readFileSync(file, 'utf8').replace(/[\r\n]+$/, '')
    if (given[setting] === '') problems.push(`${name}: ${file} is empty`)
  } catch {
    problems.push(`${name}: cannot read ${file}`)
  }
}
