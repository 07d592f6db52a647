import { Command, Option } from 'commander'
import { loadConfig } from '../src/config/load-config.ts'
import type { Config } from '../src/config/settings.ts'
import { ACTIONS } from '../src/domain/command.ts'
import { Failure } from '../src/domain/failure.ts'
import { jsonOrUndefined } from '../src/parsing/parse-json.ts'
import type { Producer } from '../src/producer/producer.ts'
import { tracingConfigured } from '../src/telemetry/tracing-variables.ts'
import { type LinesReport, enqueueLines, progressBar } from './enqueue-lines.ts'
import { openProducer } from '../src/producer/open-producer.ts'
import { print, say } from '../src/process/terminal.ts'
import { printable, printableJson } from '../src/domain/printable.ts'

/** The exit status that tells scripts that commands were rejected. */
const SOME_REJECTED = 1

type Flags = {
  readonly action?: string
  readonly user?: string
  readonly role?: string
  readonly department?: string
  readonly type: string
  readonly id?: string
  readonly patch?: string
  readonly commandId?: string
  readonly key?: string
  readonly lifetime: string
  readonly json?: boolean
}

/** `jobwarden enqueue`: one command from flags, or JSON lines from standard input. */
export function enqueueCommand(env: Readonly<Record<string, string | undefined>>): Command {
  return new Command('enqueue')
    .description('sign commands and put them on the queue: one from flags, or JSON lines on standard input')
    .addOption(
      new Option('--action <action>', 'what the user wants to do; without it, JSON lines are read').choices(ACTIONS),
    )
    .option('--user <id>', 'id of the user who asks')
    .option('--role <role>', "the user's role")
    .option('--department <name>', "the user's department")
    .option('--type <type>', 'type of the resource', 'document')
    .option('--id <id>', 'id of the resource')
    .option('--patch <json>', 'columns to change, as a JSON object (update)')
    .option('--command-id <id>', 'id of the command; enqueueing it again changes nothing')
    .option('--key <kid>', 'the key of JOBWARDEN_PRODUCER_KEYS_FILE that signs (default: the first that has not ended)')
    .option('--lifetime <seconds>', 'how long the commands stay valid', '3600')
    .option('--json', 'report as JSON on standard output')
    .addHelpText(
      'after',
      `
A line is {"user":{"id":"user_123","role":"user"},"action":"read","resource":{"type":"document","id":"resource_1"}}
with "patch" for updates, and "id", "issuedAt" and "expiresAt" where you want to set them.
Exit status: 0 all enqueued, 1 some rejected, 2 wrong flags or settings, 3 the queue is not available.`,
    )
    .action(async (flags: Flags) => {
      report(await run(loadConfig(env), tracingConfigured(env), flags), flags.json === true)
    })
}

async function run(config: Config, tracing: boolean, flags: Flags): Promise<LinesReport> {
  const lifetimeMs = seconds(flags.lifetime) * 1000
  const opened = await openProducer(config, { kid: flags.key, lifetimeMs, tracing })
  const { producer } = opened
  try {
    if (flags.action === undefined) return await fromStandardInput(producer)
    const { enqueued, rejected } = await producer.enqueueUntyped([fromFlags(flags)])
    return { enqueued: enqueued.length, rejected: rejected.map(({ problems }) => ({ line: 1, problems })) }
  } finally {
    await opened.close()
  }
}

async function fromStandardInput(producer: Producer): Promise<LinesReport> {
  const bar = progressBar()
  try {
    return await enqueueLines(process.stdin, producer, bar.update)
  } finally {
    bar.stop()
  }
}

function seconds(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return value
  throw new Failure('JW_CONFIG_INVALID', `--lifetime ${text}: must be a whole number of seconds`)
}

function fromFlags(flags: Flags): Record<string, unknown> {
  const { action, user, role, department, type, id, patch, commandId } = flags
  return {
    ...(commandId !== undefined && { id: commandId }),
    user: { id: user, role, ...(department !== undefined && { department }) },
    action,
    resource: { type, id },
    ...(patch !== undefined && { patch: jsonFlag('--patch', patch) }),
  }
}

function jsonFlag(name: string, text: string): unknown {
  const value = jsonOrUndefined(text)
  if (value !== undefined) return value
  throw new Failure('JW_CONFIG_INVALID', `${name}: is not JSON`)
}

function report({ enqueued, rejected }: LinesReport, json: boolean): void {
  if (json) print(`${printableJson({ enqueued, rejected })}\n`)
  else {
    for (const { line, problems } of rejected) say(printable(`line ${line}: ${problems.join('; ')}`))
    print(`${enqueued} enqueued, ${rejected.length} rejected\n`)
  }
  if (rejected.length > 0) process.exitCode = SOME_REJECTED
}
