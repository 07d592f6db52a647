import { z } from 'zod'
import { text, url } from './setting-kinds.ts'

/** The bundle server, and how the console and the auditor reach it. */
export const BUNDLE_SETTINGS = {
  bundlesHost: text.default('127.0.0.1').describe('Bundle server: address that it listens on.'),
  bundlesPort: z.coerce
    .number()
    .int()
    .min(0)
    .max(65_535)
    .default(8383)
    .describe('Bundle server: port that it listens on; 0 takes a free one.'),
  bundlesDir: text.optional().describe('Bundle server: folder of the bundles and of what sidecars were seen to run.'),
  bundlesKeysFile: text
    .optional()
    .describe('Bundle server: the environments, and the public keys that may sign for each.'),
  bundlesTokensFile: text.optional().describe('Bundle server: hashes of the tokens, and what each is good for.'),
  bundlesOpa: text
    .default('opa')
    .describe(
      'Bundle server: the program `opa` that judges what is pushed, on the PATH or by its path. It is never fetched.',
    ),
  bundlesTlsCertFile: text
    .optional()
    .describe('Bundle server: PEM file of its certificate. Without one it speaks HTTP.'),
  bundlesTlsKeyFile: text.optional().describe('Bundle server: PEM file of the key of its certificate.'),
  bundlesUrl: url({ schemes: ['http:', 'https:'], login: false, path: 'folder', parameters: [] })
    .optional()
    .describe('Where the bundle server is. With it, the auditor copies activations of policies to the trail.'),
  bundlesTokenFile: text
    .optional()
    .describe('File with a token for the bundle server; read for every request, so it may rotate.'),
} as const
