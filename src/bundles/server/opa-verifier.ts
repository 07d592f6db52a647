import { createHash } from 'node:crypto'
import { z } from 'zod'
import { type BundleContent, inspectBundle } from '../../policy-tools/inspect-bundle.ts'
import { runOpa } from '../../policy-tools/run-opa.ts'
import type { BundleVerifier, RefusedBundle, VerifiedBundle } from './bundle-verifier.ts'
import type { RegisteredKey, Registry } from './key-registry.ts'

const Claims = z.object({
  keyid: z.string(),
  files: z.array(z.object({ name: z.string(), hash: z.string(), algorithm: z.string() })),
})
type Claims = z.infer<typeof Claims>

/**
 * Judges bundles by the program that the sidecars run: what it verifies, parses and compiles here, it takes there.
 * Two things are added: the environment has to be the one that the bundle was built for, and its roots have to be
 * registered.
 */
export function opaVerifier(opa: string, registry: Registry): BundleVerifier {
  return async (file, environment) => {
    const { roots = [], keys = [] } = registry.get(environment) ?? {}
    const content = await inspectBundle(opa, file)
    if ('problem' in content) return refused(`OPA cannot read it: ${content.problem}`)
    const claims = claimsOf(content)
    if (claims === undefined) return refused('it is not signed; `jobwarden policies sign` does that')
    const key = keys.find(({ keyid }) => keyid === claims.keyid)
    if (key === undefined) return refused(`it is signed by "${claims.keyid}", and ${environment} has no such key`)
    const complaint = await verifySignature(opa, file, key, environment)
    if (complaint !== undefined) return refused(complaint)
    return foreignContent(content, environment, roots) ?? verified(content, claims)
  }
}

/** The claims as they are written. Nothing of them counts before the signature is verified. */
function claimsOf({ signatures }: BundleContent): Claims | undefined {
  const [, payload = ''] = signatures[0]?.split('.') ?? []
  try {
    return Claims.parse(JSON.parse(Buffer.from(payload, 'base64url').toString()))
  } catch {
    return undefined
  }
}

/** What OPA minds in a bundle with this key and scope, as a sidecar would. */
async function verifySignature(
  opa: string,
  file: string,
  { keyid, algorithm, publicKeyFile }: RegisteredKey,
  scope: string,
): Promise<string | undefined> {
  const key = ['--verification-key', publicKeyFile, '--verification-key-id', keyid, '--signing-alg', algorithm]
  const { ok, stdout, stderr } = await runOpa(opa, ['build', ...key, '--scope', scope, '-o', '/dev/null', '-b', file])
  if (ok) return undefined
  return `OPA does not take it with the key "${keyid}" and the scope "${scope}": ${wordsOf(stderr || stdout, file)}`
}

function foreignContent(
  { manifest: { roots, metadata } }: BundleContent,
  environment: string,
  allowed: readonly string[],
): RefusedBundle | undefined {
  if (metadata.environment !== environment)
    return refused(`it was built for ${metadata.environment ?? 'no environment'}, and this is ${environment}`)
  const foreign = roots.filter((root) => !allowed.some((each) => `${root}/`.startsWith(`${each}/`)))
  if (foreign.length === 0) return undefined
  const named = foreign.map((root) => (root === '' ? 'all packages' : `"${root}"`)).join(', ')
  return refused(`it owns ${named}; in ${environment} a bundle may own ${allowed.join(', ')}`)
}

function verified({ manifest: { revision, metadata } }: BundleContent, { keyid, files }: Claims): VerifiedBundle {
  const hash = createHash('sha256')
  for (const line of files.map(({ name, ...file }) => `${name}\0${file.algorithm}\0${file.hash}\n`).sort())
    hash.update(line)
  return {
    revision,
    contentDigest: `sha256:${hash.digest('hex')}`,
    signedBy: keyid,
    ...(metadata.author !== undefined && { author: metadata.author }),
    ...(metadata.commit !== undefined && { commit: metadata.commit }),
    ...(metadata.committed_at !== undefined && { committedAt: metadata.committed_at }),
  }
}

function refused(why: string): RefusedBundle {
  return { refused: why }
}

const MAX_WORDS = 2_000

function wordsOf(output: string, file: string): string {
  return output
    .replaceAll(file, 'bundle')
    .replace(/^error: (load error: bundle \S+: )?/, '')
    .trim()
    .slice(0, MAX_WORDS)
}
