import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { Command, Option } from 'commander'
import { Failure, messageOf } from '../src/domain/failure.ts'
import { ProducerJwk } from '../src/signing/producer-keys.ts'
import { print } from '../src/process/terminal.ts'

/** `jobwarden keys`: a new producer key, in a file that only its owner may read. */
export function keysCommand(): Command {
  return new Command('keys')
    .description('make a producer key and write it as a JWK Set')
    .requiredOption('--kid <name>', 'name of the producer, as the ledger and the trail will show it')
    .addOption(new Option('--alg <algorithm>', 'signature algorithm').choices(['HS256', 'EdDSA']).default('HS256'))
    .requiredOption('--out <file>', 'file to write; it must not exist yet')
    .option('--public-out <file>', 'file for the public part alone, for the workers (EdDSA)')
    .action(async (flags: { kid: string; alg: 'HS256' | 'EdDSA'; out: string; publicOut?: string }) => {
      const key = flags.alg === 'HS256' ? secretKey(flags.kid) : edwardsKey(flags.kid)
      const parsed = ProducerJwk.safeParse(key)
      if (!parsed.success) throw new Failure('JW_CONFIG_INVALID', `--kid ${flags.kid}: must be a plain name`)
      if (flags.publicOut !== undefined && parsed.data.kty === 'oct')
        throw new Failure('JW_CONFIG_INVALID', '--public-out: an HS256 key has no public part; use --alg EdDSA')
      await write(flags.out, [parsed.data])
      if (flags.publicOut === undefined || parsed.data.kty === 'oct') return
      const { d: _private, ...publicPart } = parsed.data
      await write(flags.publicOut, [publicPart])
    })
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
