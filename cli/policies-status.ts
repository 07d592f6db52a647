import { Command } from 'commander'
import type { EnvironmentStatus, SidecarStatus } from '../src/bundles/wire.ts'
import { openBundleClient } from './bundles.ts'
import { textTable, timeText } from './output/text-table.ts'
import { print } from '../src/process/terminal.ts'
import { printable, printableJson } from '../src/domain/printable.ts'

const COLUMNS = ['sidecar', 'state', 'revision', 'signed by', 'activated', 'last report', 'error'] as const

/** States that operators have to look at. A silent sidecar is gone or cut off, and the server cannot tell which. */
const ALARMING: ReadonlySet<SidecarStatus['state']> = new Set(['behind', 'failing'])

/** `jobwarden policies status`: what is served and what each sidecar runs. Exit status 1 when one is behind or failing. */
export function policiesStatusCommand(env: Readonly<Record<string, string | undefined>>): Command {
  return new Command('status')
    .description('show what is served, who signed it, and what each sidecar runs')
    .argument('[environments...]', 'environments (default: all that the token may read)')
    .option('--json', 'print JSON lines, one for each environment')
    .action(async (names: readonly string[], { json = false }: { readonly json?: boolean }) => {
      const client = openBundleClient(env)
      const environments = names.length > 0 ? names : await client.environments()
      const all = await Promise.all(environments.map((name) => client.status(name)))
      print(json ? all.map((each) => `${printableJson(each)}\n`).join('') : all.map(text).join('\n'))
      if (all.some(({ sidecars }) => sidecars.some(({ state }) => ALARMING.has(state)))) process.exitCode = 1
    })
}

function text({ bundle, served, sidecars }: EnvironmentStatus): string {
  if (served === null) return `${printable(bundle)}: no bundle was pushed yet\n${sidecarTable(sidecars)}`
  const { revision, digest, signedBy, pushedAt, pushedBy, author, commit } = served
  const origin = commit === undefined ? 'of no commit' : `of commit ${commit} by ${author ?? 'nobody'}`
  const lines = [
    printable(`${bundle}: revision ${revision}, ${origin}`),
    printable(`  signed by ${signedBy}, pushed ${timeText(pushedAt)} by ${pushedBy}, ${digest}`),
  ]
  return `${lines.join('\n')}\n${sidecarTable(sidecars)}`
}

function sidecarTable(sidecars: readonly SidecarStatus[]): string {
  if (sidecars.length === 0) return '  no sidecar has reported\n'
  const rows = sidecars.map(({ sidecar, state, revision, signedBy, activatedAt, heardAt, error }) => [
    sidecar,
    state,
    revision ?? 'nothing',
    signedBy ?? '-',
    activatedAt === undefined ? 'never' : timeText(activatedAt),
    timeText(heardAt),
    error === undefined ? '-' : `${error.code}: ${error.message}`,
  ])
  return textTable(COLUMNS, rows).replaceAll(/^/gm, '  ').trimEnd().concat('\n')
}
