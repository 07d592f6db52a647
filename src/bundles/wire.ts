import { z } from 'zod'
import { Activation, Release } from '../domain/activation.ts'

/** How a sidecar stands to what is served. `silent`: it stopped reporting, so it is gone or cut off. */
const SIDECAR_STATES = ['current', 'behind', 'failing', 'silent'] as const

export const SidecarStatus = z.object({
  sidecar: z.string(),
  state: z.enum(SIDECAR_STATES),
  /** What it runs; absent while it runs nothing. */
  revision: z.string().optional(),
  activatedAt: z.string().optional(),
  /** The key; absent when the server has never served that revision. */
  signedBy: z.string().optional(),
  /** What it minds in what it was given last. */
  error: z.object({ code: z.string(), message: z.string() }).optional(),
  heardAt: z.iso.datetime(),
})
export type SidecarStatus = z.infer<typeof SidecarStatus>

/** The answers of the bundle server, as its clients take them. */
export const EnvironmentNames = z.object({ bundles: z.array(z.string()) })

export const EnvironmentStatus = z.object({
  bundle: z.string(),
  served: Release.nullable(),
  sidecars: z.array(SidecarStatus),
})
export type EnvironmentStatus = z.infer<typeof EnvironmentStatus>

export const PushAnswer = z.object({ release: Release, again: z.boolean(), before: z.string().nullable() })
export type PushAnswer = z.infer<typeof PushAnswer>

/** `next` is where the following page begins. */
export const ActivationsPage = z.object({ activations: z.array(Activation), next: z.number().int().min(0) })
export type ActivationsPage = z.infer<typeof ActivationsPage>

/** Why a request was refused. */
export const RefusalBody = z.object({ error: z.string() })

/** At most this much of a bundle is taken. */
export const MAX_BUNDLE_BYTES = 16 * 1024 * 1024
