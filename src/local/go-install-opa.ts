import { join } from 'node:path'
import { findPrograms } from './find-program.ts'
import { type FoundOpa, installOpa } from './install-opa.ts'
import { OPA_VERSION } from './opa-version.ts'
import { runProgram } from './run-program.ts'

const MODULE = `github.com/open-policy-agent/opa@v${OPA_VERSION}`
const TIMEOUT_MS = 900_000
const PROGRESS_MS = 3_000

export type GoInstallOptions = {
  readonly tools: string
  readonly say: (line: string) => void
  /** Where `go` is looked for. */
  readonly folders: readonly string[]
}

/**
 * Compiles OPA from the Go module proxy.
 * @throws Error when there is no Go, or with the last lines of what it says
 */
export async function goInstallOpa({ tools, say, folders }: GoInstallOptions): Promise<FoundOpa> {
  const [go] = await findPrograms('go', folders)
  if (go === undefined) throw new Error('go is not on the PATH')
  say(`compiling ${MODULE} with go install; this takes a few minutes the first time`)
  return installOpa(tools, async (folder) => {
    const startedAt = Date.now()
    let modules = 0
    let packages = 0
    const timer = setInterval(() => {
      const seconds = Math.round((Date.now() - startedAt) / 1_000)
      say(`  ${modules} modules downloaded, ${packages} packages compiled, ${seconds} s`)
    }, PROGRESS_MS)
    try {
      await runProgram(go, ['install', '-v', MODULE], {
        cwd: folder,
        env: { ...process.env, GOBIN: folder, CGO_ENABLED: '0' },
        timeoutMs: TIMEOUT_MS,
        onLine: (line) => {
          if (line.startsWith('go: downloading')) modules++
          else if (!line.startsWith('go: ')) packages++
        },
      })
    } finally {
      clearInterval(timer)
    }
    return join(folder, 'opa')
  })
}
