import { join } from 'node:path'
import { findPrograms } from './find-program.ts'
import { runProgram } from '../src/process/run-program.ts'
import { type FoundOpa, installOpa } from './install-opa.ts'
import { OPA_VERSION } from '../src/policy-tools/opa-version.ts'

const TIMEOUT_MS = 900_000
const PROGRESS_MS = 3_000

export type GoInstallOptions = {
  /** The program, such as `opa`, and its package with the exact version, as `go install` takes it. */
  readonly name: string
  readonly package: string
  /** The folder for the program. */
  readonly folder: string
  readonly say: (line: string) => void
  /** Where `go` is looked for. */
  readonly folders: readonly string[]
}

/** Finds `go`. @throws Error when there is none */
export async function findGo(folders: readonly string[]): Promise<string> {
  const [go] = await findPrograms('go', folders)
  if (go === undefined) throw new Error('go is not on the PATH')
  return go
}

/**
 * Compiles a program from the Go module proxy and returns where it is.
 * @throws Error when there is no Go, or with the last lines of its output
 */
export async function goInstall({ name, folder, say, folders, ...rest }: GoInstallOptions): Promise<string> {
  const go = await findGo(folders)
  say(`compiling ${rest.package} with go install; this takes a few minutes the first time`)
  const startedAt = Date.now()
  let modules = 0
  let packages = 0
  const timer = setInterval(() => {
    const seconds = Math.round((Date.now() - startedAt) / 1_000)
    say(`  ${modules} modules downloaded, ${packages} packages compiled, ${seconds} s`)
  }, PROGRESS_MS)
  try {
    await runProgram(go, ['install', '-v', rest.package], {
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
  return join(folder, name)
}

export type GoInstallOpaOptions = {
  readonly tools: string
  readonly say: (line: string) => void
  /** Where `go` is looked for. */
  readonly folders: readonly string[]
}

/**
 * Compiles OPA from the Go module proxy.
 * @throws Error when there is no Go, or with the last lines of its output
 */
export async function goInstallOpa({ tools, say, folders }: GoInstallOpaOptions): Promise<FoundOpa> {
  const source = `github.com/open-policy-agent/opa@v${OPA_VERSION}`
  return installOpa(tools, (folder) => goInstall({ name: 'opa', package: source, folder, say, folders }))
}
