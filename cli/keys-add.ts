import { Command, Option } from 'commander'
import { Failure } from '../src/domain/failure.ts'
import type { ProducerLimits } from '../src/domain/producer-limits.ts'
import { print } from '../src/process/terminal.ts'
import type { ProducerJwk, ProducerKeys } from '../src/signing/producer-keys.ts'
import { type KeyFileChange, changeKeyFile } from './change-key-file.ts'
import { plainName, utcMoment } from './flag-values.ts'
import { type LimitFlags, limitsOf, namesOrAll, warnOfAll, withLimits } from './key-limits.ts'
import { limitsInWords } from './output/limits-in-words.ts'
import {
  KEY_ALGORITHMS,
  type KeyAlgorithm,
  keyFile,
  keyFrom,
  newKey,
  requireNewName,
  verifyingPart,
} from './producer-key.ts'

type Flags = LimitFlags & {
  readonly into: string
  readonly kid?: string
  readonly alg?: KeyAlgorithm
  readonly out?: string
  readonly from?: string
  readonly served?: readonly string[]
  readonly producer?: string
  readonly until?: string
}

/** `jobwarden keys add`: a key and what it may do, in the workers' file. */
export function keysAddCommand(): Command {
  const command = new Command('add')
    .description("add a key to the workers' file: one made now, one of a file, or those that the JWKS URL serves")
    .requiredOption('--into <file>', "the workers' file; it is made when it is not there")
    .option('--kid <name>', 'name of the key that is made now', plainName)
    .addOption(new Option('--alg <algorithm>', 'its signature algorithm (default: HS256)').choices(KEY_ALGORITHMS))
    .option('--out <file>', 'file for the producer, with what it signs with; it must not exist yet')
    .addOption(
      new Option('--from <file>', 'file with the key: its public part, or a secret').conflicts(['kid', 'alg', 'out']),
    )
    .addOption(
      new Option(
        '--served <kid...>',
        'names of keys at the JWKS URL, or beginnings such as "orders-*", or all',
      ).conflicts(['kid', 'alg', 'out', 'from']),
    )
    .option(
      '--producer <name>',
      'name of the producer, as the ledger, the trail and the policies see it (default: kid)',
      plainName,
    )
  return withLimits(command)
    .option('--until <moment>', 'when the key ends, such as 2027-01-31T00:00:00Z; never unless told', utcMoment)
    .addHelpText('after', '\nLimits that a key of --from has count where no flag gives another.')
    .action(add)
}

async function add(flags: Flags): Promise<void> {
  if (flags.served !== undefined) return addServed(flags, flags.served)
  const key = flags.from === undefined ? newOf(flags) : await keyOf(flags, flags.from)
  await changeKeyFile(flags.into, (before) => withKey(before, key, flags), 'make it')
  if (flags.out !== undefined) print(`wrote ${flags.out}\n`)
  tell(key.kid, flags.into, limitsOf({}, key.may))
}

function newOf({ kid, alg = 'HS256', out, ...flags }: Flags): ProducerJwk {
  if (kid !== undefined && out !== undefined) return newKey(alg, { ...flags, kid, may: limitsOf(flags) })
  throw new Failure(
    'JW_CONFIG_INVALID',
    'name the key: by --kid and --out one made now, by --from or by --served others',
  )
}

/** Its own limits count where no flag gives another. */
async function keyOf(flags: Flags, file: string): Promise<ProducerJwk> {
  const key = await keyFrom(file)
  const { producer = key.producer, until = key.until } = flags
  const told = { ...(producer !== undefined && { producer }), ...(until !== undefined && { until }) }
  return { ...key, ...told, may: limitsOf(flags, key.may) }
}

function withKey(before: ProducerKeys, key: ProducerJwk, { into, out }: Flags): KeyFileChange {
  requireNewName(before, into, key.kid)
  const keys = { ...before, keys: [...before.keys, verifyingPart(key)] }
  return { keys, beside: out === undefined ? [] : [keyFile(out, key)] }
}

async function addServed(flags: Flags, kids: readonly string[]): Promise<void> {
  const { into, producer, until } = flags
  if (producer === undefined)
    throw new Failure('JW_CONFIG_INVALID', '--served: name by --producer who signs with these keys')
  const may = limitsOf(flags)
  const admitted = { producer, kids: namesOrAll(kids), may, ...(until !== undefined && { until }) }
  const change = (before: ProducerKeys) => ({ keys: { ...before, served: [...(before.served ?? []), admitted] } })
  await changeKeyFile(into, change, 'make it')
  tell(producer, into, may)
}

function tell(name: string, file: string, may: ProducerLimits): void {
  print(`added ${name} to ${file}: ${limitsInWords(may)}\n`)
  warnOfAll(name, may)
}
