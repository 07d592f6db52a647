import { Command } from 'commander'
import { opaOptions } from '../src/config/adapter-options.ts'
import { loadConfig } from '../src/config/load-config.ts'
import type { Config } from '../src/config/settings.ts'
import { PolicyRequest, isById } from '../src/domain/command.ts'
import { Failure } from '../src/domain/failure.ts'
import { issuesInWords } from '../src/parsing/issues-in-words.ts'
import { parseStrictJson } from '../src/parsing/parse-json.ts'
import { obtainOpa } from '../devkit/obtain-opa.ts'
import { OpaClient } from '../src/pdp/opa-client.ts'
import { type CandidateSource, type Explanation, explain } from '../src/explain/explain.ts'
import { PoliciesRefused } from '../src/policy-tools/policy-problem.ts'
import { validatePolicies } from '../src/policy-tools/validate-policies.ts'
import { readResourceTypes } from '../src/config/read-resource-types.ts'
import type { ResourceTypes } from '../src/domain/resource-type.ts'
import { ALL } from '../src/domain/row-filter.ts'
import type { Database } from '../src/storage/database.ts'
import { findRequest } from '../src/storage/ledger/find-request.ts'
import { LedgerStore } from '../src/storage/ledger/ledger-store.ts'
import { type Subject, explanationJson, explanationText } from './output/explanation-text.ts'
import { askCandidate, requirePolicyFolder } from './policy-folder.ts'
import { print, say } from '../src/process/terminal.ts'
import { withDatabase } from './with-database.ts'

/** As many rows as fit into one request to OPA and onto one screen. */
const MAX_ROWS = 1_000

type Flags = { readonly request?: string; readonly policies?: string; readonly rows?: boolean; readonly json?: boolean }

/** `jobwarden explain`: why the policies decide as they do. It asks them and executes nothing. */
export function explainCommand(env: Readonly<Record<string, string | undefined>>): Command {
  return new Command('explain')
    .description('explain why a command is allowed or denied, and which rows its user may act on; executes nothing')
    .argument('[id]', 'id of a recorded command')
    .option('--request <json>', 'a command that is not recorded: {"user":…,"action":…,"resource":…}')
    .option('--policies <dir>', 'also ask the policies in this folder, and show what would change')
    .option('--rows', 'for a collection: list the rows that the filter lets through and the decisions do not allow')
    .option('--json', 'print JSON')
    .action(async (id: string | undefined, flags: Flags) => {
      const config = loadConfig(env)
      // PostgreSQL itself refuses a write on the connection.
      await withDatabase(config, { role: 'jobwarden_authorizer', readOnly: true }, async (database) => {
        const types = await readResourceTypes(config.resources)
        const subject = await findSubject({ database, types }, id, flags.request)
        const rows = flags.rows === true ? rowsOf(config, { database, types }, subject) : undefined
        const current = await askCurrent(config, subject, rows)
        const candidate = flags.policies === undefined ? undefined : await askFolder(flags.policies, subject, rows)
        const write = flags.json === true ? explanationJson : explanationText
        print(write({ subject, current, candidate, database }))
      })
    })
}

type Ledger = { readonly database: Database; readonly types: ResourceTypes }

async function findSubject(ledger: Ledger, id: string | undefined, json: string | undefined): Promise<Subject> {
  const { database, types } = ledger
  if ((id === undefined) === (json === undefined))
    throw new Failure('JW_CONFIG_INVALID', 'name the id of a recorded command, or give one with --request')
  const recorded = id === undefined ? undefined : await findRequest(database, id)
  if (id !== undefined && recorded === undefined)
    throw new Failure('JW_CONFIG_INVALID', `the ledger has no command "${id}"; invalid ones are only in the trail`)
  const request = recorded?.request ?? parseRequest(json ?? '')
  const type = types.get(request.resource.type)
  if (type === undefined) throw new Failure('JW_CONFIG_INVALID', `there is no type "${request.resource.type}"`)
  return { request, recorded, type, attributes: await attributesOf(ledger, request) }
}

async function attributesOf({ database, types }: Ledger, { resource }: PolicyRequest) {
  if (!isById(resource)) return undefined
  const store = new LedgerStore(database, types)
  const [found] = await store.candidates({ type: resource.type, where: {}, filter: ALL, keys: [resource.id], limit: 1 })
  return found?.attributes
}

function parseRequest(text: string): PolicyRequest {
  const json = parseStrictJson(text, 16)
  if ('refused' in json) throw new Failure('JW_CONFIG_INVALID', `--request: ${json.refused.message}`)
  const parsed = PolicyRequest.safeParse(json.value)
  if (parsed.success) return parsed.data
  throw new Failure('JW_CONFIG_INVALID', `--request: ${issuesInWords(parsed.error, 'the command').join('; ')}`)
}

/** Finds the rows of a collection that have to be decided, as the worker would. */
function rowsOf(
  config: Config,
  { database, types }: Ledger,
  { request: { resource }, type }: Subject,
): CandidateSource | undefined {
  if (isById(resource)) return undefined
  const store = new LedgerStore(database, types)
  const { where = {}, after } = resource
  return ({ filter }) =>
    store.candidates({ type: type.name, where, filter, after, limit: Math.min(config.collectionMaxExamined, MAX_ROWS) })
}

async function askCurrent(config: Config, subject: Subject, rows?: CandidateSource): Promise<Explanation> {
  const pdp = OpaClient.open({ ...opaOptions(config), headers: () => ({}), onCircuitChange: () => undefined })
  try {
    return await ask(pdp, subject, rows)
  } finally {
    await pdp.close()
  }
}

async function askFolder(dir: string, subject: Subject, rows?: CandidateSource): Promise<Explanation> {
  await requirePolicyFolder(dir)
  const { path } = await obtainOpa({ say })
  const problems = await validatePolicies(dir, path)
  if (problems.length > 0) throw new PoliciesRefused(problems)
  return askCandidate(dir, path, (pdp) => ask(pdp, subject, rows))
}

function ask(pdp: OpaClient, { request, type, attributes }: Subject, rows?: CandidateSource): Promise<Explanation> {
  return explain(pdp, request, type, attributes, rows)
}
