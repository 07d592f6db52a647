import { Command, InvalidArgumentError, Option } from 'commander'
import { loadConfig } from '../src/config/load-config.ts'
import { AUDITED_OUTCOMES } from '../src/domain/outcome.ts'
import { listRecords } from '../src/storage/trail/list-records.ts'
import { denialsTable } from './output/denials-table.ts'
import { printRecords } from './output/print-records.ts'
import { wholeNumber } from './whole-number.ts'

type Flags = {
  readonly user?: string
  readonly resource?: string
  readonly type?: string
  readonly outcome?: string
  readonly reason?: string
  readonly since?: Date
  readonly until?: Date
  readonly limit: number
  readonly json?: boolean
}

/** `jobwarden denials`: what the auditors review. */
export function denialsCommand(env: Readonly<Record<string, string | undefined>>): Command {
  return new Command('denials')
    .description('list the audit trail, newest first')
    .option('--user <id>', 'of this user')
    .option('--resource <id>', 'of this resource')
    .option('--type <type>', 'of this resource type')
    .addOption(new Option('--outcome <outcome>', 'with this outcome').choices(AUDITED_OUTCOMES))
    .option('--reason <code>', 'with this reason code')
    .option('--since <time>', 'from this time on: ISO 8601, or an age such as 30m, 24h, 7d', moment)
    .option('--until <time>', 'before this time', moment)
    .option('--limit <n>', 'at most this many', wholeNumber, 50)
    .option('--json', 'as JSON lines, with every column')
    .action(async (flags: Flags) => {
      const { user: userId, resource: resourceId, type: resourceType, json = false, ...rest } = flags
      const wanted = { userId, resourceId, resourceType, ...rest }
      await printRecords(loadConfig(env), json, (database) => listRecords(database, wanted), denialsTable)
    })
}

const UNIT_MS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const

function moment(text: string): Date {
  const [, amount, unit] = /^(\d+)([mhd])$/.exec(text) ?? []
  if (unit === 'm' || unit === 'h' || unit === 'd') return new Date(Date.now() - Number(amount) * UNIT_MS[unit])
  const date = new Date(text)
  if (Number.isNaN(date.getTime())) throw new InvalidArgumentError('not a time such as 2026-11-24T10:00:00Z or 24h')
  return date
}
