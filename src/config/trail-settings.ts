import { milliseconds, text } from './setting-kinds.ts'

/** The tree of the audit trail. */
export const TRAIL_SETTINGS = {
  trailKeyFile: text
    .optional()
    .describe(
      'PEM file of the Ed25519 key that signs the tree of the audit trail, for auditors alone. Without it, they let no tree grow.',
    ),
  trailOrigin: text
    .optional()
    .describe('Name of the log, such as example.com/audit/production. It never changes while the log lives.'),
  trailHeartbeatMs: milliseconds(600_000, 1_000).describe(
    'After this long without a record, a heartbeat becomes a leaf of the tree.',
  ),
} as const
