import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { Command, InvalidArgumentError, Option } from 'commander'
import type { z } from 'zod'
import { Failure, messageOf } from '../src/domain/failure.ts'
import { ProducerJwk } from '../src/signing/producer-keys.ts'
import { print, say } from '../src/process/terminal.ts'

type Names = readonly string[]
type Flags = {
  readonly kid: string
  readonly alg: 'HS256' | 'EdDSA'
  readonly out: string
  readonly publicOut?: string
  readonly lifetimeMs?: number
  readonly until?: string
  readonly queues?: Names
  readonly actions?: Names
  readonly types?: Names
  readonly users?: Names
  readonly roles?: Names
}

/** `jobwarden keys`: a new producer key and what it may do, in a file that only its owner may read. */
export function keysCommand(): Command {
  return new Command('keys')
    .description('make a producer key and write it as a JWK Set, with what the producer may do')
    .requiredOption('--kid <name>', 'name of the producer, as the ledger and the trail will show it')
    .addOption(new Option('--alg <algorithm>', 'signature algorithm').choices(['HS256', 'EdDSA']).default('HS256'))
    .requiredOption('--out <file>', 'file to write; it must not exist yet')
    .option('--public-out <file>', 'file for the public part alone, for the workers (EdDSA)')
    .option('--queues <name...>', 'queues that it may use: names, or beginnings such as "orders_*"; all unless told')
    .option('--actions <action...>', 'actions that it may ask for; all unless told')
    .option('--types <name...>', 'types of resources that it may ask for; all unless told')
    .option('--users <id...>', 'users that it may speak for; all unless told')
    .option('--roles <name...>', 'roles of the users that it may speak for; all unless told')
    .option('--lifetime-ms <ms>', 'how long its commands may live, in milliseconds; any time unless told', wholeNumber)
    .option('--until <moment>', 'when the key ends, such as 2027-01-31T00:00:00Z; never unless told')
    .action(async (flags: Flags) => {
      const parsed = ProducerJwk.safeParse({
        ...(flags.alg === 'HS256' ? secretKey(flags.kid) : edwardsKey(flags.kid)),
        may: limitsOf(flags),
        ...(flags.until !== undefined && { until: flags.until }),
      })
      if (!parsed.success) throw new Failure('JW_CONFIG_INVALID', complaint(parsed.error))
      if (flags.publicOut !== undefined && parsed.data.kty === 'oct')
        throw new Failure('JW_CONFIG_INVALID', '--public-out: an HS256 key has no public part; use --alg EdDSA')
      await write(flags.out, [parsed.data])
      if (parsed.data.may?.users === 'all' && parsed.data.may.roles === 'all')
        say(`"${flags.kid}" may speak for every user of every role; --users and --roles say for whom it may`)
      if (flags.publicOut === undefined || parsed.data.kty === 'oct') return
      const { d: _private, ...publicPart } = parsed.data
      await write(flags.publicOut, [publicPart])
    })
}

/** All that is not told is "all": a limit is never left out. */
function limitsOf({ queues, actions, types, users, roles, lifetimeMs }: Flags) {
  const all = 'all'
  return {
    queues: queues ?? all,
    actions: actions ?? all,
    types: types ?? all,
    users: users ?? all,
    roles: roles ?? all,
    lifetimeMs: lifetimeMs ?? all,
  }
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError('it must be a whole number of milliseconds.')
  return Number(text)
}

/** Each flag that is wrong, and why. */
function complaint(error: z.ZodError): string {
  return error.issues
    .map(({ path, message }) => `--${String(path[0] === 'may' ? (path[1] ?? 'may') : path[0])}: ${message}`)
    .join('; ')
}

function secretKey(kid: string) {
  return { kty: 'oct', kid, alg: 'HS256', k: randomBytes(32).toString('base64url') }
}

function edwardsKey(kid: string) {
  return { ...generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }), kid, alg: 'EdDSA' }
}

async function write(file: string, keys: readonly ProducerJwk[]): Promise<void> {
  try {
    await writeFile(file, `${JSON.stringify({ keys }, null, 2)}\n`, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    const why = messageOf(error)
    throw new Failure('JW_CONFIG_INVALID', `cannot write the key: ${why}`, { cause: error })
  }
  print(`wrote ${file}\n`)
}
