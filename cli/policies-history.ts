import { Command } from 'commander'
import { loadConfig } from '../src/config/load-config.ts'
import type { Database } from '../src/storage/database.ts'
import { type ActivationRecord, PolicyActivations } from '../src/storage/trail/policy-activations.ts'
import { wholeNumber } from './flag-values.ts'
import { printRecords } from './output/print-records.ts'
import { textTable, timeText } from './output/text-table.ts'

type Flags = { readonly limit: number; readonly json?: boolean }

const COLUMNS = [
  'first seen',
  'environment',
  'revision',
  'author',
  'signed by',
  'pushed',
  'pushed by',
  'seen by',
] as const

/** `jobwarden policies history`: which policies took effect and when, as auditors review them. */
export function policiesHistoryCommand(env: Readonly<Record<string, string | undefined>>): Command {
  return new Command('history')
    .description('list from the audit trail which policies took effect, newest first')
    .argument('[environment]', 'only records of this environment')
    .option('--limit <n>', 'list at most this many', wholeNumber(100_000), 50)
    .option('--json', 'print JSON lines with every column')
    .action(async (environment: string | undefined, { limit, json = false }: Flags) => {
      const list = (database: Database) => new PolicyActivations(database).list(limit, environment)
      await printRecords(loadConfig(env), json, list, text)
    })
}

function text(records: readonly ActivationRecord[]): string {
  if (records.length === 0) return 'no activations\n'
  const rows = records.map((record) => [
    timeText(record.first_seen_at),
    record.bundle,
    record.revision,
    record.author ?? '-',
    record.signed_by,
    timeText(record.pushed_at),
    record.pushed_by,
    record.first_seen_by,
  ])
  return textTable(COLUMNS, rows)
}
