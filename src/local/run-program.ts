import { spawn } from 'node:child_process'
import { basename } from 'node:path'
import { atExit } from './at-exit.ts'
import { childEnd } from './child-end.ts'
import { OutputTail } from './output-tail.ts'

/** The account that a child process runs as. */
export type Account = { readonly uid: number; readonly gid: number }

export type RunOptions = {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  readonly account?: Account | undefined
  readonly timeoutMs?: number
  /** Called with every line that the program writes to its standard error. */
  readonly onLine?: (line: string) => void
}

/**
 * Runs a program to its end.
 * @returns its standard output
 * @throws Error that names the program, how it ended and what it wrote last
 */
export async function runProgram(file: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { cwd, env = process.env, account, timeoutMs = 60_000, onLine } = options
  const child = spawn(file, args, { cwd, env, ...account, stdio: ['ignore', 'pipe', 'pipe'] })
  const keep = atExit(() => child.kill('SIGKILL'))
  let timedOut = false
  const timer = setTimeout(() => {
    timedOut = true
    child.kill('SIGKILL')
  }, timeoutMs)
  const tail = new OutputTail()
  tail.follow(child.stdout, child.stderr)
  let output = ''
  child.stdout.on('data', (chunk) => (output += String(chunk)))
  if (onLine !== undefined) eachLine(child.stderr, onLine)
  const { succeeded, how } = await childEnd(child)
  clearTimeout(timer)
  keep()
  if (succeeded) return output
  throw new Error(`${basename(file)} ${timedOut ? `did not end within ${timeoutMs / 1_000} s` : how}${tail.text}`)
}

function eachLine(stream: NodeJS.ReadableStream, onLine: (line: string) => void): void {
  let rest = ''
  stream.on('data', (chunk) => {
    const lines = (rest + String(chunk)).split('\n')
    rest = lines.pop() ?? ''
    lines.forEach((line) => onLine(line))
  })
}
