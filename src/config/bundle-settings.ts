import { z } from 'zod'
import { text, url } from './setting-kinds.ts'

/** The bundle server, and how the command line and the auditor reach it. */
export const BUNDLE_SETTINGS = {
  bundlesHost: text.default('127.0.0.1').describe('Bundle server: address that it listens on.'),
  bundlesPort: z.coerce
    .number()
    .int()
    .min(0)
    .max(65_535)
    .default(8383)
    .describe('Bundle server: port that it listens on; 0 takes a free one.'),
  bundlesDir: text.optional().describe('Bundle server: folder of the bundles and of the records of what sidecars ran.'),
  bundlesKeysFile: text
    .optional()
    .describe('Bundle server: file with the environments, and the public keys that may sign for each.'),
  bundlesTokensFile: text.optional().describe('Bundle server: file with hashes of the tokens, and the rights of each.'),
  bundlesOpa: text
    .default('opa')
    .describe(
      'Bundle server: the program `opa` that verifies pushed bundles, by its name on the PATH or by its path. It is never fetched.',
    ),
  bundlesTlsCertFile: text
    .optional()
    .describe('Bundle server: PEM file of its certificate. Without one, the server speaks HTTP.'),
  bundlesTlsKeyFile: text.optional().describe('Bundle server: PEM file of the key of its certificate.'),
  bundlesUrl: url({ schemes: ['http:', 'https:'], login: false, path: 'folder', parameters: [] })
    .optional()
    .describe('URL of the bundle server. If it is set, the auditor copies activations of policies into the trail.'),
  bundlesTokenFile: text
    .optional()
    .describe('File with a token for the bundle server. It is read for every request, so the token may rotate.'),
} as const
