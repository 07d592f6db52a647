import type { Release } from '../../domain/activation.ts'

/** What a bundle says of itself, once its signature is known to be good. */
export type VerifiedBundle = Omit<Release, 'bundle' | 'digest' | 'pushedAt' | 'pushedBy'>

/** Why a bundle is not served, for who pushed it. */
export type RefusedBundle = { readonly refused: string }

/** Judges the file of a bundle that is to be served in an environment. */
export type BundleVerifier = (file: string, environment: string) => Promise<VerifiedBundle | RefusedBundle>
