import { Command, Option } from 'commander'
import { Failure } from '../src/domain/failure.ts'
import { print } from '../src/process/terminal.ts'
import { plainName, utcMoment } from './flag-values.ts'
import { type LimitFlags, limitsOf, warnOfAll, withLimits } from './key-limits.ts'
import { KEY_ALGORITHMS, type KeyAlgorithm, keyFile, newKey, verifyingPart } from './producer-key.ts'
import { writeNewFiles } from './write-new-files.ts'

type Flags = LimitFlags & {
  readonly kid: string
  readonly producer?: string
  readonly alg: KeyAlgorithm
  readonly out: string
  readonly publicOut?: string
  readonly until?: string
}

/** `jobwarden keys make`: a key in a file of its own. */
export function keysMakeCommand(): Command {
  const command = new Command('make')
    .description('make a key and write it as a JWK Set, with what the producer may do')
    .requiredOption('--kid <name>', 'name of the key; also of the producer, unless --producer tells another', plainName)
    .option('--producer <name>', 'name of the producer, as the ledger, the trail and the policies see it', plainName)
    .addOption(new Option('--alg <algorithm>', 'signature algorithm').choices(KEY_ALGORITHMS).default('HS256'))
    .requiredOption('--out <file>', 'file to write; it must not exist yet')
    .option('--public-out <file>', 'file for the public part alone, for the workers (EdDSA)')
  return withLimits(command)
    .option('--until <moment>', 'when the key ends, such as 2027-01-31T00:00:00Z; never unless told', utcMoment)
    .action(make)
}

async function make({ alg, out, publicOut, ...flags }: Flags): Promise<void> {
  if (publicOut !== undefined && alg === 'HS256')
    throw new Failure('JW_CONFIG_INVALID', '--public-out: an HS256 key has no public part; use --alg EdDSA')
  const may = limitsOf(flags)
  const key = newKey(alg, { ...flags, may })
  const files = [keyFile(out, key), ...(publicOut === undefined ? [] : [keyFile(publicOut, verifyingPart(key))])]
  await writeNewFiles(files)
  for (const { file } of files) print(`wrote ${file}\n`)
  warnOfAll(key.kid, may)
}
