import { z } from 'zod'

/** The name of an environment: of its bundle, and the scope of the signatures that are good for it. */
export const EnvironmentName = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'must be lower-case letters, digits and "-"')

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/)
const moment = z.iso.datetime()

/** A bundle that is served in an environment, from then on. Pushing an older one again makes a new release. */
export const Release = z.strictObject({
  bundle: EnvironmentName,
  revision: z.string().min(1).max(200),
  /** Of the file as it is served, including its signature. */
  digest,
  /** Of the signed files without the signature: signing them again does not change it. */
  contentDigest: digest,
  /** The id of the key. */
  signedBy: z.string(),
  /** Of the commit; absent if the policies were not committed as they were built. */
  author: z.string().optional(),
  commit: z.string().optional(),
  committedAt: z.iso.datetime({ offset: true }).optional(),
  /** By the clock of the bundle server; no two releases of an environment have the same. */
  pushedAt: moment,
  /** The name of the token. */
  pushedBy: z.string(),
})
export type Release = z.infer<typeof Release>

/** The first time that a sidecar was seen to run a release. */
export const Activation = z.strictObject({
  ...Release.shape,
  sidecar: z.string(),
  /** By the clock of the sidecar. */
  activatedAt: z.string(),
  /** By the clock of the bundle server. */
  seenAt: moment,
})
export type Activation = z.infer<typeof Activation>
