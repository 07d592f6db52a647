import { readFile } from 'node:fs/promises'
import { Command } from 'commander'
import { MAX_BUNDLE_BYTES } from '../src/bundles/wire.ts'
import { Failure } from '../src/domain/failure.ts'
import { obtainOpa } from '../devkit/obtain-opa.ts'
import { openBundleClient, readBundle } from './bundles.ts'
import { print, say } from '../src/process/terminal.ts'

/** `jobwarden policies push`: makes the bundle server verify a bundle and serve it from then on. */
export function policiesPushCommand(env: Readonly<Record<string, string | undefined>>): Command {
  return new Command('push')
    .description('push a signed bundle to the bundle server; pushing an older one again takes a change back')
    .argument('<bundle>', 'signed bundle')
    .action(async (file: string) => {
      const client = openBundleClient(env)
      const { path: opa } = await obtainOpa({ say })
      const { environment } = await readBundle(opa, file)
      const bundle = await readFile(file)
      if (bundle.length > MAX_BUNDLE_BYTES)
        throw new Failure(
          'JW_CONFIG_INVALID',
          `${file}: it is larger than ${MAX_BUNDLE_BYTES} bytes, the most that a server accepts`,
        )
      const { release, again, before } = await client.push(environment, bundle)
      const { revision, digest, signedBy } = release
      const what = `revision ${revision}, signed by ${signedBy} (${digest})`
      print(
        again
          ? `${environment} already serves ${what}\n`
          : `${environment} serves ${what}\nbefore, it served ${before === null ? 'nothing' : `revision ${before}`}\n`,
      )
    })
}
