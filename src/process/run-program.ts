import { basename } from 'node:path'
import { execa } from 'execa'

/** The account that a child process runs as. */
export type Account = { readonly uid: number; readonly gid: number }

export type RunOptions = {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  readonly account?: Account | undefined
  readonly timeoutMs?: number
  /** Called with every line that the program writes to its standard error, as it comes. */
  readonly onLine?: (line: string) => void
}

export type ProgramEnd = {
  readonly ok: boolean
  readonly stdout: string
  readonly stderr: string
  readonly how: string
}

/** At most this much of what a program wrote is quoted. */
const QUOTED = 2_000
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024

/** Runs a program until it ends, however it ends. This process ends it at the latest. @throws Error when it cannot start */
export async function programEnd(file: string, args: readonly string[], options: RunOptions = {}): Promise<ProgramEnd> {
  const { cwd, env, account, timeoutMs = 60_000, onLine } = options
  const child = execa(file, args, {
    ...(cwd !== undefined && { cwd }),
    ...(env !== undefined && { env, extendEnv: false }),
    ...account,
    stdin: 'ignore',
    reject: false,
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    stripFinalNewline: false,
    maxBuffer: MAX_OUTPUT_BYTES,
  })
  if (onLine !== undefined) for await (const line of child.iterable({ from: 'stderr' })) onLine(line)
  const { failed, timedOut, exitCode, signal, stdout, stderr, code, cause } = await child
  if (exitCode === undefined && signal === undefined && !timedOut)
    throw new Error(`cannot run "${file}": ${code ?? 'it did not start'}`, { cause })
  const end = signal === undefined ? `exited with status ${exitCode}` : `was ended by ${signal}`
  return { ok: !failed, stdout, stderr, how: timedOut ? `did not end within ${timeoutMs / 1_000} s` : end }
}

/**
 * Runs a program that has to succeed.
 * @returns its standard output
 * @throws Error with the name of the program, how it ended and what it wrote last
 */
export async function runProgram(file: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { ok, stdout, stderr, how } = await programEnd(file, args, options)
  if (ok) return stdout
  const told = `${stdout}${stderr}`.trim().slice(-QUOTED)
  throw new Error(`${basename(file)} ${how}${told === '' ? '' : `\n  ${told.replaceAll('\n', '\n  ')}`}`)
}
