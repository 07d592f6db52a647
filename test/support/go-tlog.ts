import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { glob, readFile, rename } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { execa } from 'execa'
import { z } from 'zod'
import { findPrograms, pathFolders } from '../../devkit/find-program.ts'
import { inUnfinishedFolder } from '../../devkit/install-opa.ts'
import { messageOf } from '../../src/domain/failure.ts'
import { runProgram } from '../../src/process/run-program.ts'

const SOURCES = join(import.meta.dirname, 'go-tlog')
const TOOLS = resolve(import.meta.dirname, '../../.tools')
const COMPILE_MS = 600_000

const base64 = z.base64()
const hashes = z.array(base64)

/** What the program reads and writes of a log: hashes, entries, tiles and bundles are in base64. */
export const GoTrail = z.object({
  logKey: z.string(),
  witnessKey: z.string(),
  checkpoint: z.string(),
  entries: z.array(base64),
  tiles: z.record(z.string(), base64),
  bundles: z.record(z.string(), base64),
  inclusions: z.array(z.object({ index: z.int(), leaf: base64, size: z.int(), root: base64, proof: hashes })),
  consistencies: z.array(z.object({ from: z.int(), fromRoot: base64, to: z.int(), toRoot: base64, proof: hashes })),
  proofFiles: z.array(z.string()),
})
export type GoTrail = z.infer<typeof GoTrail>

const Judgement = z.object({
  signed: z.array(z.boolean()),
  refused: z.array(z.string()),
  seen: z.record(z.string(), z.int()),
})
const Witness = z.object({ url: z.url(), key: z.string() })

/** A witness in Go, on a port of this machine. */
export type GoWitness = z.infer<typeof Witness> & { stop(): Promise<void> }

/** The other side of the tests of the audit tree, which is written in Go. */
export class GoTlog {
  readonly #program: string

  private constructor(program: string) {
    this.#program = program
  }

  /** Compiles it into `.tools`, unless this version is there. @throws Error when there is no Go, or with what it says */
  static async obtain(): Promise<GoTlog> {
    const program = join(TOOLS, `go-tlog-${await digest()}`)
    if (!existsSync(program)) await compile(program)
    return new GoTlog(program)
  }

  /** What Go refuses of a trail, how much it looked at, and which of the notes are signed by the log. */
  async judge(trail: GoTrail & { readonly notes: readonly string[] }): Promise<z.infer<typeof Judgement>> {
    return Judgement.parse(await this.#call('judge', trail))
  }

  /** A trail that Go makes. */
  async make(wanted: { readonly origin: string; readonly witness: string; readonly size: number }): Promise<GoTrail> {
    return GoTrail.parse(await this.#call('make', wanted))
  }

  /** Starts a witness that follows the log of this verifier key. It ends with this process at the latest. */
  async startWitness(logKey: string): Promise<GoWitness> {
    const child = execa(this.#program, ['witness', logKey], {
      stdin: 'pipe',
      buffer: false,
      forceKillAfterDelay: 5_000,
    })
    const lines = createInterface({ input: child.stdout })
    const stop = async () => {
      child.stdin.end()
      await child
      lines.close()
    }
    const ended = child.then(() => {
      throw new Error('the witness ended before it listened')
    })
    const first = new Promise<string>((settle) => lines.once('line', settle))
    return { ...Witness.parse(JSON.parse(await Promise.race([first, ended]))), stop }
  }

  async #call(command: string, input: unknown): Promise<unknown> {
    const { stdout } = await execa(this.#program, [command], { input: JSON.stringify(input), timeout: 60_000 })
    return JSON.parse(stdout)
  }
}

async function compile(program: string): Promise<void> {
  const [go] = await findPrograms('go', [...pathFolders(), '/usr/local/go/bin'])
  if (go === undefined) throw new Error('go is not on the PATH: the audit tree is tested against programs in Go')
  const env = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=readonly' }
  try {
    await inUnfinishedFolder(TOOLS, async (folder) => {
      const made = join(folder, 'go-tlog')
      await runProgram(go, ['build', '-C', SOURCES, '-o', made, '.'], { env, timeoutMs: COMPILE_MS })
      await rename(made, program)
    })
  } catch (error) {
    const how = 'Put go 1.26 or newer on the PATH and reach a Go module proxy.'
    throw new Error(`cannot compile ${SOURCES}: ${messageOf(error)}\n${how}`, { cause: error })
  }
}

async function digest(): Promise<string> {
  const files = (await Array.fromAsync(glob('*.{go,mod,sum}', { cwd: SOURCES }))).toSorted()
  const contents = await Promise.all(files.map((file) => readFile(join(SOURCES, file))))
  return createHash('sha256').update(Buffer.concat(contents)).digest('hex').slice(0, 12)
}
