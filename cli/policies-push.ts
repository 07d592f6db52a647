import { readFile } from 'node:fs/promises'
import { Command } from 'commander'
import { MAX_BUNDLE_BYTES } from '../src/bundles/wire.ts'
import { Failure } from '../src/domain/failure.ts'
import { obtainOpa } from '../devkit/obtain-opa.ts'
import { openBundleClient, readBundle } from './bundles.ts'
import { print, say } from '../src/process/terminal.ts'

/** `jobwarden policies push`: has the bundle server verify a bundle and serve it from then on. */
export function policiesPushCommand(env: Readonly<Record<string, string | undefined>>): Command {
  return new Command('push')
    .description('push a signed bundle to the bundle server; an older one again takes its environment back')
    .argument('<bundle>', 'signed bundle')
    .action(async (file: string) => {
      const client = openBundleClient(env)
      const { path: opa } = await obtainOpa({ say })
      const { environment } = await readBundle(opa, file)
      const bundle = await readFile(file)
      if (bundle.length > MAX_BUNDLE_BYTES)
        throw new Failure(
          'JW_CONFIG_INVALID',
          `${file}: has more than ${MAX_BUNDLE_BYTES} bytes, which no server takes`,
        )
      const { release, again, before } = await client.push(environment, bundle)
      const { revision, digest, signedBy } = release
      const what = `revision ${revision}, signed by ${signedBy} (${digest})`
      print(
        again
          ? `${environment} serves ${what} already\n`
          : `${environment} serves ${what}\nbefore it was ${before === null ? 'nothing' : `revision ${before}`}\n`,
      )
    })
}
