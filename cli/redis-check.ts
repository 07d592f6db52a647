import { Command } from 'commander'
import { redisOptions } from '../src/config/adapter-options.ts'
import { loadConfig } from '../src/config/load-config.ts'
import { type Inspected, inspectRedis } from '../src/redis/admin/inspect.ts'
import { textTable } from './output/text-table.ts'

type Flags = { readonly json?: boolean; readonly strict?: boolean }

const COLUMNS = ['what', 'state', 'loses commands', 'remedy'] as const

/** `jobwarden redis check`: what of a Redis would lose commands. Exit status 1 when something would. */
export function redisCheckCommand(env: Readonly<Record<string, string | undefined>>): Command {
  return new Command('check')
    .description('tell what of the Redis of the queues would lose commands, and what to do about it')
    .option('--json', 'as JSON lines, one a finding')
    .option('--strict', 'count what this user may not see as a loss')
    .addHelpText(
      'after',
      `
It looks where JOBWARDEN_REDIS_* leads: behind Sentinel at the master, in a Cluster at every node. It changes nothing.
CONFIG GET, ACL DRYRUN and ACL LOG are for an administrator, such as the user of \`redis acl --admin\`; as another
user, the check says what it could not see. "info" loses nothing that was acknowledged, or only what it says.

Exit status: 0 nothing would lose commands, 1 something would, or with --strict was not seen, 2 wrong settings,
3 Redis cannot be reached.`,
    )
    .action(async ({ json = false, strict = false }: Flags) => {
      const config = loadConfig(env)
      const inspected = await inspectRedis(redisOptions(config), config.queuePrefix)
      process.stdout.write(inspected.map(json ? jsonLines : table).join(json ? '' : '\n'))
      const verdicts = new Set(inspected.flatMap(({ findings }) => findings.map(({ losesCommands }) => losesCommands)))
      if (verdicts.has('yes') || (strict && verdicts.has('unseen'))) process.exitCode = 1
    })
}

function jsonLines({ server, findings }: Inspected): string {
  return findings.map((finding) => `${JSON.stringify({ server, ...finding })}\n`).join('')
}

const SHOWN = { no: 'no', yes: 'YES', info: 'info', unseen: 'not seen' } as const

function table({ server, findings }: Inspected): string {
  const rows = findings.map(({ what, state, losesCommands, remedy = '-' }) => [
    what,
    state,
    SHOWN[losesCommands],
    remedy,
  ])
  return `${server}\n${textTable(COLUMNS, rows)}`
}
