import { Command, Option } from 'commander'
import { loadConfig } from '../src/config/load-config.ts'
import { AUDITED_OUTCOMES } from '../src/domain/outcome.ts'
import { type AuditRecord, listRecords } from '../src/storage/trail/list-records.ts'
import { timeOrAge, wholeNumber } from './flag-values.ts'
import { printRecords } from './output/print-records.ts'
import { textTable, timeText } from './output/text-table.ts'

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

/** `jobwarden denials`: the audit trail, as auditors review it. */
export function denialsCommand(env: Readonly<Record<string, string | undefined>>): Command {
  return new Command('denials')
    .description('list the audit trail, newest first')
    .option('--user <id>', 'only records of this user')
    .option('--resource <id>', 'only records of this resource')
    .option('--type <type>', 'only records of this resource type')
    .addOption(new Option('--outcome <outcome>', 'only records with this outcome').choices(AUDITED_OUTCOMES))
    .option('--reason <code>', 'only records with this reason code')
    .option('--since <time>', 'only records from this time on: ISO 8601, or an age such as 30m, 24h, 7d', timeOrAge)
    .option('--until <time>', 'only records before this time', timeOrAge)
    .option('--limit <n>', 'list at most this many', wholeNumber(100_000), 50)
    .option('--json', 'print JSON lines with every column')
    .action(async (flags: Flags) => {
      const { user: userId, resource: resourceId, type: resourceType, json = false, ...rest } = flags
      const wanted = { userId, resourceId, resourceType, ...rest }
      await printRecords(loadConfig(env), json, (database) => listRecords(database, wanted), denialsTable)
    })
}

const COLUMNS = ['when', 'outcome', 'user', 'action', 'resource', 'reasons', 'command'] as const

/** The records as an aligned table for people. */
export function denialsTable(records: readonly AuditRecord[]): string {
  if (records.length === 0) return 'no denials\n'
  const rows = records.map((record) => [
    timeText(record.occurred_at),
    record.outcome,
    record.user_id ?? '-',
    record.action ?? '-',
    record.resource_type === null ? '-' : `${record.resource_type}/${record.resource_id ?? '*'}`,
    record.reason_codes.join(','),
    record.id.length > 40 ? `${record.id.slice(0, 39)}…` : record.id,
  ])
  return textTable(COLUMNS, rows)
}
