import { z } from 'zod'
import { issuesInWords } from '../parsing/issues-in-words.ts'
import { runOpa } from './run-opa.ts'

/** The manifest of a bundle. `environment` and the other metadata are as `jobwarden policies build` writes them. */
const Manifest = z.object({
  revision: z.string().min(1).max(200),
  roots: z.array(z.string()).default(['']),
  metadata: z
    .object({
      environment: z.string().optional(),
      author: z.string().max(500).optional(),
      commit: z.string().max(100).optional(),
      committed_at: z.iso.datetime({ offset: true }).optional(),
    })
    .default({}),
})

const Inspection = z.object({
  manifest: Manifest,
  signatures_config: z.object({ signatures: z.array(z.string()).default([]) }).default({ signatures: [] }),
})

export type BundleContent = {
  readonly manifest: z.infer<typeof Manifest>
  /** Compact JWS, which nobody has verified. */
  readonly signatures: readonly string[]
}

/** Has OPA read a bundle file. `problem` says why it is not one, or what its manifest lacks. Verifies nothing. */
export async function inspectBundle(opa: string, file: string): Promise<BundleContent | { readonly problem: string }> {
  const { ok, stdout, stderr } = await runOpa(opa, ['inspect', '--format', 'json', file])
  if (!ok) return { problem: (stderr || stdout).replaceAll(file, 'bundle').trim().slice(0, 2_000) }
  const parsed = Inspection.safeParse(JSON.parse(stdout))
  if (!parsed.success)
    return { problem: `its manifest is wrong: ${issuesInWords(parsed.error, 'the manifest').join('; ')}` }
  return { manifest: parsed.data.manifest, signatures: parsed.data.signatures_config.signatures }
}
