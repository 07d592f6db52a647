import { Command } from 'commander'
import { loadConfig } from '../src/config/load-config.ts'
import { readResourceTypes } from '../src/config/read-resource-types.ts'
import { Failure } from '../src/domain/failure.ts'
import { print, say } from '../src/process/terminal.ts'
import { draftDeclaration } from '../src/storage/tables/draft-declaration.ts'
import { type TableFinding, tableFindings } from '../src/storage/tables/findings.ts'
import { type TableName, inspectTable } from '../src/storage/tables/inspect-table.ts'
import { withDatabase } from './with-database.ts'

type Env = Readonly<Record<string, string | undefined>>

/** PostgreSQL itself refuses a write on the connection. */
const READ_ONLY = { readOnly: true }

/** The role that reads and changes resources. */
const AUTHORIZER = 'jobwarden_authorizer'

/** `jobwarden resources`: from a table that is there to a resource type that serves. */
export function resourcesCommand(env: Env): Command {
  return new Command('resources')
    .description('declare tables as resource types, and see whether they serve')
    .addCommand(introspectCommand(env))
    .addCommand(checkCommand(env))
}

type IntrospectFlags = { readonly table: string; readonly name?: string; readonly patch?: readonly string[] }

function introspectCommand(env: Env): Command {
  return new Command('introspect')
    .description('write the declaration of a table, for the file that JOBWARDEN_RESOURCES names')
    .requiredOption('--table <schema.table>', 'the table to declare')
    .option('--name <type>', 'name of the resource type; that of the table unless told')
    .option('--patch <column...>', 'columns that updates may touch; none unless told')
    .addHelpText(
      'after',
      `
It reads the catalogue of the database of JOBWARDEN_DATABASE_URL, as the user of that URL, and changes nothing. The
declaration goes to standard output, what to know of it to standard error. Policies see every column that --patch does
not name.`,
    )
    .action(async ({ table, name, patch = [] }: IntrospectFlags) => {
      const named = tableName(table)
      const look = await withDatabase(loadConfig(env), READ_ONLY, (database) =>
        inspectTable(database, named, AUTHORIZER),
      )
      if (look === undefined) throw new Failure('JW_CONFIG_INVALID', `--table: there is no table ${table}`)
      const { declaration, notes } = draftDeclaration(named, look, { name, patch })
      print(`${JSON.stringify({ types: [declaration] }, null, 2)}\n`)
      for (const note of notes) say(note)
    })
}

type CheckFlags = { readonly json?: boolean; readonly role: string }

function checkCommand(env: Env): Command {
  return new Command('check')
    .description('tell what keeps the tables of the declared types from serving, with the SQL that mends it')
    .option('--role <name>', 'the role that reads and changes resources', AUTHORIZER)
    .option('--json', 'as JSON lines, one a finding')
    .addHelpText(
      'after',
      `
It looks at the types of JOBWARDEN_RESOURCES in the database of JOBWARDEN_DATABASE_URL, as the user of that URL, and
changes nothing. A worker does not start on a fault; advice is for you to judge.

Exit status: 0 every table serves, 1 one does not, 2 wrong settings, 3 PostgreSQL cannot be reached.`,
    )
    .action(async ({ json = false, role }: CheckFlags) => {
      const config = loadConfig(env)
      const types = await readResourceTypes(config.resources)
      const found = await withDatabase(config, READ_ONLY, async (database) => {
        const rows: (TableFinding & { type: string })[] = []
        for (const type of types.values())
          for (const finding of tableFindings(type, await inspectTable(database, type.table, role), role))
            rows.push({ type: type.name, ...finding })
        return rows
      })
      if (json) print(found.map((finding) => `${JSON.stringify(finding)}\n`).join(''))
      else
        print(
          found.length === 0 ? `every table serves: ${[...types.keys()].join(', ')}\n` : found.map(inWords).join(''),
        )
      if (found.some(({ severity }) => severity === 'fault')) process.exitCode = 1
    })
}

/** A line that says what is wrong, and one that can be copied. */
function inWords({ type, severity, what, remedy }: TableFinding & { readonly type: string }): string {
  return `${severity === 'fault' ? 'FAULT ' : 'advice'}  ${type}: ${what}\n        ${remedy}\n`
}

function tableName(text: string): TableName {
  const [schema, name, ...more] = text.split('.')
  if (schema && name && more.length === 0) return `${schema}.${name}`
  throw new Failure('JW_CONFIG_INVALID', `--table ${text}: name it with its schema, as in public.invoices`)
}
