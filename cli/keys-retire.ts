import { Command, Option } from 'commander'
import { Failure } from '../src/domain/failure.ts'
import { NO_LIMITS, type ProducerLimits } from '../src/domain/producer-limits.ts'
import { print, say } from '../src/process/terminal.ts'
import { type ProducerJwk, type ProducerKeys, type ServedProducer, producerOf } from '../src/signing/producer-keys.ts'
import { changeKeyFile } from './change-key-file.ts'
import { plainName, utcMoment } from './flag-values.ts'

type Flags = { readonly into: string; readonly kid?: string; readonly producer?: string; readonly at?: string }
type Registered = ProducerJwk | ServedProducer

/** `jobwarden keys retire`: nothing counts that a key has signed, from a moment on. */
export function keysRetireCommand(): Command {
  return new Command('retire')
    .description('end a key, or every key of a producer: from then on nothing counts that it has signed')
    .requiredOption('--into <file>', "the workers' file")
    .option('--kid <name>', 'the key that ends', plainName)
    .addOption(
      new Option('--producer <name>', 'the producer whose keys all end, those of the JWKS URL as well')
        .argParser(plainName)
        .conflicts('kid'),
    )
    .option('--at <moment>', 'when, such as 2027-01-31T00:00:00Z (default: now)', utcMoment)
    .action(retire)
}

async function retire(flags: Flags): Promise<void> {
  const { into, at = new Date().toISOString() } = flags
  const { ending } = await changeKeyFile(into, (before) => {
    const found = endingOf(before, flags, at)
    const end = <Each extends Registered>(each: Each) => (found.includes(each) ? { ...each, until: at } : each)
    const { keys, served } = before
    const after = { ...before, keys: keys.map(end), ...(served !== undefined && { served: served.map(end) }) }
    return { keys: after, ending: found }
  })
  for (const each of ending) print(`${nameOf(each)} ends at ${at}\n`)
  const signsUntil = Date.now() + Math.max(...ending.map(({ may = NO_LIMITS }) => lifeOf(may)))
  if (Date.parse(at) < signsUntil)
    say(
      `warning: commands that are still on a queue at ${at} will be "invalid"; their producer has to enqueue them again`,
    )
}

/** What the flags mean and does not end before: an end is never put off. @throws Failure when that is nothing */
function endingOf({ keys, served = [] }: ProducerKeys, { into, kid, producer }: Flags, at: string): Registered[] {
  const meant: Registered[] =
    kid === undefined
      ? [...keys.filter((key) => producerOf(key) === producer), ...served.filter((each) => each.producer === producer)]
      : keys.filter((key) => key.kid === kid)
  const ending = meant.filter(({ until }) => until === undefined || Date.parse(until) > Date.parse(at))
  if (ending.length > 0) return ending
  const what = kid === undefined ? `the producer "${producer}"` : `the key "${kid}"`
  const why =
    kid === undefined && producer === undefined
      ? 'say by --kid or --producer what ends'
      : meant.length > 0
        ? `${what} ends no later as it is`
        : `it has nothing of ${what}${served.length > 0 ? '; keys of the JWKS URL end there, or by --producer' : ''}`
  throw new Failure('JW_CONFIG_INVALID', `--into ${into}: ${why}`)
}

function nameOf(each: Registered): string {
  return 'kid' in each ? each.kid : `${each.producer} at the JWKS URL`
}

function lifeOf({ lifetimeMs }: ProducerLimits): number {
  return lifetimeMs === 'all' ? Infinity : lifetimeMs
}
