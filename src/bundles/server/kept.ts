import { Environment } from './environment.ts'
import { Sidecars } from './sidecars.ts'

/** What a bundle server keeps of one environment. */
export type Kept = { readonly environment: Environment; readonly sidecars: Sidecars }

/** By the name of the environment. */
export type KeptByName = ReadonlyMap<string, Kept>

/** @throws Failure JW_CONFIG_INVALID when what is kept was changed by somebody; the error of the file system */
export async function openKept(dir: string, environments: readonly string[]): Promise<KeptByName> {
  const kept = new Map<string, Kept>()
  for (const name of environments) {
    const environment = await Environment.open(dir, name)
    kept.set(name, { environment, sidecars: await Sidecars.open(dir, environment, Date.now) })
  }
  return kept
}

/** Waits for what is being written. */
export async function closeKept(kept: KeptByName): Promise<void> {
  for (const { environment, sidecars } of kept.values()) {
    await environment.close()
    await sidecars.close()
  }
}
