import { Command } from 'commander'
import { redisOptions } from '../src/config/adapter-options.ts'
import { loadConfig } from '../src/config/load-config.ts'
import { type Inspected, inspectRedis } from '../src/redis/admin/inspect.ts'
import { textTable } from './output/text-table.ts'

type Flags = { readonly json?: boolean; readonly strict?: boolean }

const COLUMNS = ['what', 'state', 'loses commands', 'remedy'] as const

/** `jobwarden redis check`: looks for whatever would make Redis lose commands. Exit status 1 when something would. */
export function redisCheckCommand(env: Readonly<Record<string, string | undefined>>): Command {
  return new Command('check')
    .description('look for whatever would make the Redis of the queues lose commands, and say what to do about it')
    .option('--json', 'print JSON lines, one for each finding')
    .option('--strict', 'treat whatever this user may not see as a loss')
    .addHelpText(
      'after',
      `
It looks at the Redis that JOBWARDEN_REDIS_* names: the master behind Sentinel, or every node of a Cluster. It changes
nothing. CONFIG GET, ACL DRYRUN and ACL LOG need an administrator, such as the user of \`redis acl --admin\`; for any
other user, the check says what it could not see. "info" means that acknowledged commands are kept, but for what it says.

Exit status: 0 nothing would lose commands, 1 something would, or --strict and something was not seen, 2 wrong settings,
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
