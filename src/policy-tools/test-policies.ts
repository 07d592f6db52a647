import { join } from 'node:path'
import { z } from 'zod'
import { WITHOUT_HIDDEN, runOpa } from './run-opa.ts'

/** The lines of one policy that no test reaches. */
export type Uncovered = { readonly file: string; readonly lines: readonly number[] }

/** The result of `opa test` on a folder: its tests fail, or they pass and leave these lines uncovered. */
export type TestReport =
  | { readonly passed: false; readonly output: string }
  | { readonly passed: true; readonly uncovered: readonly Uncovered[] }

const Range = z.object({ start: z.object({ row: z.number() }), end: z.object({ row: z.number() }) })
const Coverage = z.object({ files: z.record(z.string(), z.object({ not_covered: z.array(Range).optional() })) })

/**
 * Runs the tests of the policies in `dir`, with the data that a bundle would have. A folder without tests fails. Tests
 * themselves need no coverage.
 * @throws Failure JW_CONFIG_INVALID when `opaPath` is not a program
 */
export async function testPolicies(dir: string, opaPath: string): Promise<TestReport> {
  // It runs inside the folder, because OPA would put the path of the folder before the names in its report twice.
  const args = ['test', '--bundle', ...WITHOUT_HIDDEN, '--fail-on-empty', '--coverage', '--format', 'json', '.']
  const { ok, stdout, stderr } = await runOpa(opaPath, args, dir)
  if (!ok) return { passed: false, output: named(dir, (stdout.startsWith('{') ? stderr : stdout).trim()) }
  const { files } = Coverage.parse(JSON.parse(stdout))
  const uncovered = Object.entries(files).flatMap(([file, { not_covered: ranges = [] }]) =>
    file.endsWith('_test.rego') || ranges.length === 0 ? [] : [{ file: join(dir, file), lines: linesOf(ranges) }],
  )
  return { passed: true, uncovered }
}

/** Puts the folder before the names of files at the start of lines. */
function named(dir: string, output: string): string {
  return output.replaceAll(/^(?=\S+\.rego:\d+:)/gm, join(dir, '/'))
}

function linesOf(ranges: readonly z.infer<typeof Range>[]): readonly number[] {
  const lines = ranges.flatMap(({ start, end }) =>
    Array.from({ length: end.row - start.row + 1 }, (_, offset) => start.row + offset),
  )
  return [...new Set(lines)].sort((a, b) => a - b)
}
