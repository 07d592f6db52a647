import { readFile } from 'node:fs/promises'
import type { z } from 'zod'
import { Failure } from '../domain/failure.ts'
import { issuesInWords } from '../parsing/issues-in-words.ts'

/**
 * Reads the JSON file that a setting names. No message quotes the file's content.
 * @throws Failure JW_CONFIG_INVALID that names the setting, the file and every place in it that is wrong
 */
export async function readSettingFile<Schema extends z.ZodType>(
  setting: string,
  file: string,
  schema: Schema,
): Promise<z.infer<Schema>> {
  let json: unknown
  try {
    json = JSON.parse(await readFile(file, 'utf8'))
  } catch (error) {
    const why = error instanceof SyntaxError ? 'it is not JSON' : 'it cannot be read'
    throw new Failure('JW_CONFIG_INVALID', `${setting} ${file}: ${why}`)
  }
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  throw new Failure('JW_CONFIG_INVALID', `${setting} ${file}:\n  ${problemsIn(parsed.error)}`)
}

/** Every place in a file that is wrong, with what it should be, a line each. */
export function problemsIn(error: z.ZodError): string {
  return issuesInWords(error, 'the file').join('\n  ')
}
