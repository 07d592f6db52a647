import { join } from 'node:path'
import { z } from 'zod'
import { jsonOrUndefined } from '../parsing/parse-json.ts'

/** A complaint of OPA about a folder of policies. It has no file when it is about the whole folder. */
export type OpaError = {
  readonly message: string
  readonly code?: string | undefined
  readonly file?: string | undefined
  readonly line?: number | undefined
}

const Report = z.object({
  errors: z
    .array(
      z.object({
        message: z.string(),
        code: z.string().optional(),
        location: z.object({ file: z.string(), row: z.number() }).optional(),
      }),
    )
    .min(1),
})

/**
 * Reads what OPA writes when it fails: a report in JSON, or plain text, which some commands write whatever format was
 * asked for. `dir` is the folder as it was given to OPA.
 */
export function parseOpaErrors(output: string, dir: string): readonly OpaError[] {
  const errors = parseReport(output) ?? output.split('\n')
  const read = errors.flatMap((error) => (typeof error === 'string' ? parseLine(error, dir) : [error]))
  return read.length > 0 ? read : [{ message: output.trim() || 'OPA failed without saying why' }]
}

function parseReport(output: string): (OpaError | string)[] | undefined {
  const report = Report.safeParse(jsonOrUndefined(output))
  return report.data?.errors.map(({ message, code, location }) =>
    location === undefined && code === undefined
      ? message
      : { message, code, file: location?.file, line: location?.row },
  )
}

/** The text before the complaint itself. */
const PREFIX = /^(\d+ errors? occurred( during loading)?: ?|error: |load error: |unable to load bundle [^:]*: )+/

/** A complaint about a file of a bundle, which is named by its path from the folder. */
const IN_BUNDLE = /^bundle .*?: bundle load failed on \/?(?<file>[^:]+): (?<message>.+)$/

const PLACED = /^(?<file>[^\s].*?):(?<line>\d+): (?:(?<code>[a-z_]+_error): )?(?<message>.+)$/
const ABOUT_FILE = /^(?<file>\S.*?\.(?:rego|json|ya?ml)): (?<message>.+)$/

function parseLine(text: string, dir: string): OpaError[] {
  const said = text.replace(PREFIX, '')
  if (said.trim() === '' || /^\s/.test(text)) return [] // OPA repeats the source below an error.
  const inBundle = IN_BUNDLE.exec(said)?.groups
  if (inBundle !== undefined)
    return [{ file: fileOf(inBundle['file'] ?? '', dir), message: inBundle['message'] ?? said }]
  const placed = PLACED.exec(said)?.groups ?? ABOUT_FILE.exec(said)?.groups
  if (placed === undefined) return [{ message: said.trim() }]
  const { file, line, code, message = said } = placed
  return [{ file, line: line === undefined ? undefined : Number(line), code, message }]
}

/** When the folder was given by an absolute path, it comes before the name, without its first slash. */
function fileOf(name: string, dir: string): string {
  const prefix = join(dir, '/').replace(/^\//, '')
  return join(dir, name.startsWith(prefix) ? name.slice(prefix.length) : name)
}
