import { z } from 'zod'
import { Activation, Release } from '../domain/activation.ts'

/** How a sidecar compares to what is served. `silent`: it stopped reporting, so it is gone or cut off. */
const SIDECAR_STATES = ['current', 'behind', 'failing', 'silent'] as const

export const SidecarStatus = z.object({
  sidecar: z.string(),
  state: z.enum(SIDECAR_STATES),
  /** The revision that it runs; absent while it runs nothing. */
  revision: z.string().optional(),
  activatedAt: z.string().optional(),
  /** The id of the key; absent when the server has never served that revision. */
  signedBy: z.string().optional(),
  /** The error in the last bundle that it received. */
  error: z.object({ code: z.string(), message: z.string() }).optional(),
  heardAt: z.iso.datetime(),
})
export type SidecarStatus = z.infer<typeof SidecarStatus>

/** The answers of the bundle server, as its clients parse them. */
export const EnvironmentNames = z.object({ bundles: z.array(z.string()) })

export const EnvironmentStatus = z.object({
  bundle: z.string(),
  served: Release.nullable(),
  sidecars: z.array(SidecarStatus),
})
export type EnvironmentStatus = z.infer<typeof EnvironmentStatus>

export const PushAnswer = z.object({ release: Release, again: z.boolean(), before: z.string().nullable() })
export type PushAnswer = z.infer<typeof PushAnswer>

/** `next` is where the next page begins. */
export const ActivationsPage = z.object({ activations: z.array(Activation), next: z.number().int().min(0) })
export type ActivationsPage = z.infer<typeof ActivationsPage>

/** Why a request was refused. */
export const RefusalBody = z.object({ error: z.string() })

/** A larger bundle is refused. */
export const MAX_BUNDLE_BYTES = 16 * 1024 * 1024
