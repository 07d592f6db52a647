import { Command } from 'commander'
import { loadConfig } from '../src/config/load-config.ts'
import { EnvironmentName } from '../src/domain/activation.ts'
import { Failure } from '../src/domain/failure.ts'
import { buildBundle } from '../src/policy-tools/write-bundle.ts'
import { obtainOpa } from '../devkit/obtain-opa.ts'
import { type PolicyVersion, policyVersion } from '../src/policy-tools/policy-revision.ts'
import { rootsOf } from '../src/policy-tools/packages.ts'
import { problemText } from '../src/policy-tools/policy-problem.ts'
import { validatePolicies } from '../src/policy-tools/validate-policies.ts'
import { readResourceTypes } from '../src/config/read-resource-types.ts'
import { flagOf } from './flag-values.ts'
import { requirePolicyFolder, reportFilters } from './policy-folder.ts'
import { print, say } from '../src/process/terminal.ts'

type Flags = {
  readonly environment: string
  readonly out: string
  readonly requireClean?: boolean
  readonly requireExact?: boolean
}

/** `jobwarden policies build`: builds a bundle from a folder. Broken policies give no bundle, and exit status 1. */
export function policiesBuildCommand(env: Readonly<Record<string, string | undefined>>): Command {
  return new Command('build')
    .description('build a bundle from a folder of policies; the same commit gives the same bytes')
    .argument('[folder]', 'folder of the policies', 'policies')
    .requiredOption('--environment <name>', 'the one environment that the bundle is for', flagOf(EnvironmentName))
    .option('--out <file>', 'bundle to write', 'bundle.tar.gz')
    .option('--require-clean', 'refuse policies that are not committed to git as they are')
    .option(
      '--require-exact',
      'refuse rules that filters cannot express exactly, for which collections need more decisions',
    )
    .action(async (folder: string, flags: Flags) => {
      await requirePolicyFolder(folder)
      const { path: opa } = await obtainOpa({ say })
      const problems = await validatePolicies(folder, opa)
      const found = problems.length > 0 ? undefined : await rootsOf(folder, opa)
      if (found !== undefined && 'roots' in found) {
        const types = await readResourceTypes(loadConfig(env).resources)
        const exact = await reportFilters(folder, opa, types, say)
        if (exact || flags.requireExact !== true) return build(folder, opa, found.roots, flags)
        say('--require-exact: no bundle was built')
        process.exitCode = 1
        return
      }
      for (const problem of found === undefined ? problems : [found.problem]) say(problemText(problem))
      process.exitCode = 1
    })
}

async function build(folder: string, opa: string, roots: readonly string[], flags: Flags): Promise<void> {
  const { environment, out } = flags
  const version = await policyVersion(folder)
  if (version.commit === undefined) {
    const what = `${folder} is not committed to git as it is`
    if (flags.requireClean === true)
      throw new Failure(
        'JW_CONFIG_INVALID',
        `--require-clean: ${what}; commit it, or remove what does not belong there`,
      )
    say(`warning: ${what}, so the revision is a hash of the content, and the bundle names no commit and no author`)
  }
  const { revision } = version
  await buildBundle({
    opa,
    policies: folder,
    out,
    revision,
    manifest: { roots, metadata: metadata(version, environment) },
  })
  print(`wrote ${out}: revision ${revision} for ${environment}, owns ${roots.join(', ')}\n`)
}

function metadata({ commit }: PolicyVersion, environment: string): Readonly<Record<string, string>> {
  if (commit === undefined) return { environment }
  return { environment, author: commit.author, commit: commit.id, committed_at: commit.committedAt }
}
