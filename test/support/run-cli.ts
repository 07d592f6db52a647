import { spawn } from 'node:child_process'

export type CliResult = { readonly status: number | null; readonly stdout: string; readonly stderr: string }

/** Runs a program of this repository as a user would, under the Node that runs the tests. */
export async function runCli(
  file: string,
  args: readonly string[],
  { env = {}, input = '' }: { env?: Readonly<Record<string, string>>; input?: string } = {},
): Promise<CliResult> {
  const { PATH = '', HOME = '' } = process.env
  const child = spawn(process.execPath, [file, ...args], { env: { PATH, HOME, ...env } })
  const out: string[] = []
  const err: string[] = []
  child.stdout.setEncoding('utf8').on('data', (text: string) => out.push(text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => err.push(text))
  child.stdin.on('error', () => undefined) // A program that refuses its flags does not read its input.
  child.stdin.end(input)
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  return { status, stdout: out.join(''), stderr: err.join('') }
}
