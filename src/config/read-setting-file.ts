import { readFile } from 'node:fs/promises'
import type { z } from 'zod'
import { Failure } from '../domain/failure.ts'
import { issuesInWords } from '../parsing/issues-in-words.ts'
import { parseStrictJson } from '../parsing/parse-json.ts'

/** No file of a setting nests as deep. */
const MOST_LEVELS = 16

/**
 * Reads the JSON file that a setting names. No message quotes the file's content.
 * @throws Failure JW_CONFIG_INVALID that names the setting, the file and every place in it that is wrong
 */
export async function readSettingFile<Schema extends z.ZodType>(
  setting: string,
  file: string,
  schema: Schema,
): Promise<z.infer<Schema>> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    throw new Failure('JW_CONFIG_INVALID', `${setting} ${file}: it cannot be read`, { cause: error })
  }
  const json = parseStrictJson(text, MOST_LEVELS)
  if ('refused' in json) throw new Failure('JW_CONFIG_INVALID', `${setting} ${file}: ${json.refused.message}`)
  const parsed = schema.safeParse(json.value)
  if (parsed.success) return parsed.data
  throw new Failure('JW_CONFIG_INVALID', `${setting} ${file}:\n  ${problemsIn(parsed.error)}`)
}

/** Every place in a file that is wrong, with what it should be, a line each. */
export function problemsIn(error: z.ZodError): string {
  return issuesInWords(error, 'the file').join('\n  ')
}
