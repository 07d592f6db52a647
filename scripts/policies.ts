import { parseArgs } from 'node:util'
import { reportFilters } from '../cli/policy-folder.ts'
import { resourceTypes } from '../src/resource-types/registry.ts'
import { messageOf } from '../src/domain/failure.ts'
import { obtainOpa } from '../devkit/obtain-opa.ts'
import { opaProblems } from '../src/policy-tools/ask-opa.ts'
import { problemText } from '../src/policy-tools/policy-problem.ts'
import { runOpa } from '../src/policy-tools/run-opa.ts'
import { shellCommand } from '../src/policy-tools/remedies.ts'
import { testPolicies } from '../src/policy-tools/test-policies.ts'
import { validatePolicies } from '../src/policy-tools/validate-policies.ts'
import { print } from '../src/process/terminal.ts'

/** One demand on a folder of policies. `complaints` lists what does not meet it, a line each. */
type Step = {
  readonly demand: string
  readonly complaints: (dir: string, opa: string) => Promise<readonly string[]>
}

/** If policies do not even load, the other demands are not tried. */
const LOADING: Step = {
  demand: 'every file is Rego v1 and the same in a bundle, OPA loads it, and workers can use it',
  complaints: async (dir, opa) => (await validatePolicies(dir, opa)).map(problemText),
}

const STEPS: readonly Step[] = [
  {
    demand: 'every file is formatted (opa fmt)',
    complaints: async (dir, opa) => {
      const { ok, stdout, stderr } = await runOpa(opa, ['fmt', '--fail', '--list', dir])
      return ok
        ? []
        : lines(stdout || stderr).map((file) => `${file}\n    remedy: ${shellCommand(opa, 'fmt', '--write', file)}`)
    },
  },
  {
    demand: 'nothing is unused, shadowed or deprecated (opa check --strict)',
    complaints: async (dir, opa) => {
      const { ok, stdout, stderr } = await runOpa(opa, ['check', '--bundle', '--strict', '--format', 'json', dir])
      return ok ? [] : (await opaProblems(stderr || stdout, dir, opa)).map(problemText)
    },
  },
  {
    demand: 'the tests pass and reach every line (opa test --coverage)',
    complaints: async (dir, opa) => {
      const report = await testPolicies(dir, opa)
      if (!report.passed) return lines(report.output)
      return report.uncovered.map(({ file, lines: rows }) => `${file}: no test reaches line ${rows.join(', ')}`)
    },
  },
]

const say = (line: string) => print(`${line}\n`)

/** Tries all demands on the policies in `dir` and reports each. Returns whether they meet them. */
async function holdToDemands(dir: string, requireExact: boolean): Promise<boolean> {
  const { path, version } = await obtainOpa({ say })
  say(`policies in ${dir}, by OPA ${version}`)
  if (!(await meets(LOADING, dir, path))) return false
  let good = true
  for (const step of STEPS) good = (await meets(step, dir, path)) && good
  const exact = await reportFilters(dir, path, resourceTypes, say)
  return good && (exact || !requireExact)
}

async function meets({ demand, complaints }: Step, dir: string, opa: string): Promise<boolean> {
  const found = await complaints(dir, opa)
  say(`- ${demand}: ${found.length === 0 ? 'yes' : 'NO'}`)
  for (const complaint of found) say(`  ${complaint}`)
  return found.length === 0
}

function lines(text: string): readonly string[] {
  return text.split('\n').filter((line) => line.trim() !== '')
}

try {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { 'require-exact': { type: 'boolean', default: false } },
  })
  process.exitCode = (await holdToDemands(positionals[0] ?? 'policies', values['require-exact'])) ? 0 : 1
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`)
  process.exitCode = 1
}
