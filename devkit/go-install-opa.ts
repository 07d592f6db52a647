import { goInstall } from './go-install.ts'
import { type FoundOpa, installOpa } from './install-opa.ts'
import { OPA_VERSION } from '../src/policy-tools/opa-version.ts'

export type GoInstallOpaOptions = {
  readonly tools: string
  readonly say: (line: string) => void
  /** Where `go` is looked for. */
  readonly folders: readonly string[]
}

/**
 * Compiles OPA from the Go module proxy.
 * @throws Error when there is no Go, or with the last lines of what it says
 */
export async function goInstallOpa({ tools, say, folders }: GoInstallOpaOptions): Promise<FoundOpa> {
  const source = `github.com/open-policy-agent/opa@v${OPA_VERSION}`
  return installOpa(tools, (folder) => goInstall({ name: 'opa', package: source, folder, say, folders }))
}
