import { Failure } from '../src/domain/failure.ts'
import { type BundleContent, inspectBundle } from '../src/policy-tools/inspect-bundle.ts'

/**
 * What a bundle of `jobwarden policies build` says of itself. Nothing is verified.
 * @throws Failure JW_CONFIG_INVALID for any other file
 */
export async function readBundle(opa: string, file: string): Promise<BundleContent & { readonly environment: string }> {
  const content = await inspectBundle(opa, file)
  if ('problem' in content) throw new Failure('JW_CONFIG_INVALID', `${file}: ${content.problem}`)
  const { environment } = content.manifest.metadata
  if (environment !== undefined) return { ...content, environment }
  throw new Failure('JW_CONFIG_INVALID', `${file}: names no environment; build it by \`jobwarden policies build\``)
}
