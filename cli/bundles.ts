import { BundleClient } from '../src/bundles/client.ts'
import { loadConfig } from '../src/config/load-config.ts'
import { Failure } from '../src/domain/failure.ts'
import { type BundleContent, inspectBundle } from '../src/policy-tools/inspect-bundle.ts'

/** A client of the bundle server. @throws Failure JW_CONFIG_INVALID when the settings do not name the server */
export function openBundleClient(env: Readonly<Record<string, string | undefined>>): BundleClient {
  const { bundlesUrl: url, bundlesTokenFile: tokenFile } = loadConfig(env)
  if (url !== undefined && tokenFile !== undefined) return new BundleClient({ url, tokenFile })
  const what = 'name the bundle server, and the file of a token for it in JOBWARDEN_BUNDLES_TOKEN_FILE'
  throw new Failure('JW_CONFIG_INVALID', `JOBWARDEN_BUNDLES_URL: ${what}`)
}

/**
 * Reads the manifest of a bundle that `jobwarden policies build` made. Verifies nothing.
 * @throws Failure JW_CONFIG_INVALID for any other file
 */
export async function readBundle(opa: string, file: string): Promise<BundleContent & { readonly environment: string }> {
  const content = await inspectBundle(opa, file)
  if ('problem' in content) throw new Failure('JW_CONFIG_INVALID', `${file}: ${content.problem}`)
  const { environment } = content.manifest.metadata
  if (environment !== undefined) return { ...content, environment }
  throw new Failure('JW_CONFIG_INVALID', `${file}: it names no environment; build it with \`jobwarden policies build\``)
}
