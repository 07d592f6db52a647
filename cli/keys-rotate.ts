import { Command, Option } from 'commander'
import { Failure } from '../src/domain/failure.ts'
import { NO_LIMITS } from '../src/domain/producer-limits.ts'
import { print } from '../src/process/terminal.ts'
import { PlainName, type ProducerJwk, type ProducerKeys, producerOf } from '../src/signing/producer-keys.ts'
import { changeKeyFile } from './change-key-file.ts'
import { plainName, utcMoment } from './flag-values.ts'
import { warnOfAll } from './key-limits.ts'
import {
  KEY_ALGORITHMS,
  type KeyAlgorithm,
  keyFile,
  keyFrom,
  newKey,
  requireNewName,
  verifyingPart,
} from './producer-key.ts'

type Flags = {
  readonly into: string
  readonly kid: string
  readonly newKid?: string
  readonly alg?: KeyAlgorithm
  readonly out?: string
  readonly from?: string
  readonly until?: string
}

/** The time that a producer has to take its new key, unless a date is given. */
const HANDOVER_MS = 86_400_000

/** `jobwarden keys rotate`: a key that does what another did, and an end for that other. */
export function keysRotateCommand(): Command {
  return new Command('rotate')
    .description('put a successor with the same producer and limits beside a key, and give that key an end')
    .requiredOption('--into <file>', "the workers' file")
    .requiredOption('--kid <name>', 'the key that is replaced', plainName)
    .option('--new-kid <name>', 'name of the successor (default: <producer>-<date of today>)', plainName)
    .addOption(new Option('--alg <algorithm>', 'its signature algorithm (default: as before)').choices(KEY_ALGORITHMS))
    .option('--out <file>', 'file for the producer, with what it signs with; it must not exist yet')
    .addOption(new Option('--from <file>', 'file with the successor').conflicts(['newKid', 'alg', 'out']))
    .option('--until <moment>', 'end of the old key (default: a day and the life of its commands from now)', utcMoment)
    .action(rotate)
}

async function rotate(flags: Flags): Promise<void> {
  const { into, kid, out, from } = flags
  if ((out === undefined) === (from === undefined))
    throw new Failure(
      'JW_CONFIG_INVALID',
      'give --out for a successor that is made now, or --from for one that is there',
    )
  const given = from === undefined ? undefined : await keyFrom(from)
  const { successor, until } = await changeKeyFile(into, (before) => replaceKey(before, flags, given))
  if (out !== undefined) print(`wrote ${out}\n`)
  print(`${successor.kid} may do what ${kid} may, and signs as ${producerOf(successor)}\n${kid} ends at ${until}\n`)
  warnOfAll(successor.kid, successor.may ?? NO_LIMITS)
}

function replaceKey(before: ProducerKeys, flags: Flags, given: ProducerJwk | undefined) {
  const { into, kid, alg, newKid, out } = flags
  const old = before.keys.find((key) => key.kid === kid)
  if (old === undefined) {
    const why = `it has no key "${kid}"; keys of the JWKS URL are replaced there`
    throw new Failure('JW_CONFIG_INVALID', `--into ${into}: ${why}`)
  }
  const until = endOf(old, flags.until)
  const rights = { producer: producerOf(old), may: old.may ?? NO_LIMITS }
  const successor =
    given === undefined
      ? newKey(alg ?? old.alg, { ...rights, kid: newKid ?? nextName(rights.producer) })
      : { ...given, ...rights }
  requireNewName(before, into, successor.kid)
  const keys = before.keys.flatMap((key) => (key === old ? [{ ...old, until }, verifyingPart(successor)] : [key]))
  const beside = out === undefined ? [] : [keyFile(out, successor)]
  return { keys: { ...before, keys }, beside, successor, until }
}

function nextName(producer: string): string {
  const name = `${producer}-${new Date().toISOString().slice(0, 10)}`
  if (PlainName.safeParse(name).success) return name
  throw new Failure('JW_CONFIG_INVALID', `--new-kid: name the successor, for "${name}" is too long`)
}

/** When a key can end: after the last command expires that it may sign until its successor is in use. */
function endOf({ kid, may = NO_LIMITS, until }: ProducerJwk, given: string | undefined): string {
  const { lifetimeMs } = may
  const expiry = Date.now() + (lifetimeMs === 'all' ? 0 : lifetimeMs)
  if (given !== undefined) {
    if (Date.parse(given) > expiry) return given
    const why = `what "${kid}" signs now can live until ${new Date(expiry).toISOString()}; give a later moment`
    throw new Failure('JW_CONFIG_INVALID', `--until: ${why}, or end the key at once by \`jobwarden keys retire\``)
  }
  const follows = lifetimeMs === 'all' ? undefined : new Date(expiry + HANDOVER_MS).toISOString()
  if (follows !== undefined) return until !== undefined && Date.parse(until) < Date.parse(follows) ? until : follows
  if (until !== undefined) return until
  const why = `commands of "${kid}" may live for any time, so that no date follows; say when it ends`
  throw new Failure('JW_CONFIG_INVALID', `--until: ${why}`)
}
