import { Command } from 'commander'
import { readSettingFile } from '../src/config/read-setting-file.ts'
import { printableJson } from '../src/domain/printable.ts'
import { NO_LIMITS, type ProducerLimits, unlimited } from '../src/domain/producer-limits.ts'
import { print } from '../src/process/terminal.ts'
import { type ProducerJwk, ProducerKeys, type ServedProducer, producerOf } from '../src/signing/producer-keys.ts'
import { EVERY } from './key-limits.ts'
import { limitsInWords } from './output/limits-in-words.ts'
import { textTable } from './output/text-table.ts'

/** A key, or the keys of the JWKS URL that are admitted together. Nothing in it is secret. */
type Row = {
  readonly kids: readonly string[] | 'all'
  readonly from: 'file' | 'URL'
  readonly producer: string
  readonly algorithm: string
  readonly until: string | null
  readonly may: ProducerLimits
  readonly warnings: readonly string[]
}

const COLUMNS = ['producer', 'key', 'from', 'algorithm', 'until', 'may', 'warnings'] as const

/** `jobwarden keys list`: who may do what, and what is odd about it. */
export function keysListCommand(): Command {
  return new Command('list')
    .description('list the keys of a file: whose they are, what they may do, when they end and what to look at')
    .argument('<file>', "the workers' file")
    .option('--json', 'print a JSON array')
    .action(async (file: string, { json = false }: { json?: boolean }) => {
      const { keys, served = [] } = await readSettingFile('keys list', file, ProducerKeys)
      const rows = [...keys.map(rowOfKey), ...served.map(rowOfServed)]
      print(json ? `${printableJson(rows)}\n` : textTable(COLUMNS, rows.map(cellsOf)))
    })
}

function rowOfKey(key: ProducerJwk): Row {
  const { kid, alg: algorithm, may = NO_LIMITS } = key
  const until = key.until ?? null
  const warnings = [...warningsOf(may, until), ...('d' in key ? ['private part: only the producer needs it'] : [])]
  return { kids: [kid], from: 'file', producer: producerOf(key), algorithm, until, may, warnings }
}

function rowOfServed(served: ServedProducer): Row {
  const { kids, producer, may } = served
  const until = served.until ?? null
  return { kids, from: 'URL', producer, algorithm: 'EdDSA', until, may, warnings: warningsOf(may, until) }
}

function warningsOf(may: ProducerLimits, until: string | null): string[] {
  const over = until !== null && Date.parse(until) <= Date.now() ? ['has ended'] : []
  return [...over, ...unlimited(may).map((limit) => EVERY[limit])]
}

function cellsOf({ kids, from, producer, algorithm, until, may, warnings }: Row): string[] {
  const key = kids === 'all' ? 'every key' : kids.join(', ')
  return [producer, key, from, algorithm, until ?? 'never', limitsInWords(may), warnings.join(', ') || '-']
}
