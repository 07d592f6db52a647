import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { atExit } from '../../devkit/at-exit.ts'
import { childEnd } from '../../devkit/child-process.ts'
import { eventually } from './ledger.ts'

const STOP_WITHIN_MS = 15_000

const running = new Set<WorkerProcess>()

/** The worker processes that this process has started and that live. A test that leaves one here leaks it. */
export function runningWorkers(): readonly WorkerProcess[] {
  return [...running]
}

/** A worker in a process of its own, as it runs in production: it logs to standard output and heeds signals. */
export class WorkerProcess {
  /** Everything it has written, line by line. */
  readonly lines: string[] = []
  readonly entry: string
  /** How it ended, once it has. */
  readonly ended: Promise<string>
  readonly #child: ChildProcess

  /** Starts an entry, given from the root of the repository. It ends with this process at the latest. */
  constructor(entry: string, env: Readonly<Record<string, string>>) {
    const child = spawn(process.execPath, [entry], {
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child = child
    this.entry = entry
    for (const input of [child.stdout, child.stderr])
      createInterface({ input }).on('line', (line) => this.lines.push(line))
    const keep = atExit(() => child.kill('SIGKILL'))
    running.add(this)
    this.ended = childEnd(child).then(({ how }) => {
      keep()
      running.delete(this)
      return how
    })
  }

  /** Resolves once it has written a line that contains `text`. @throws Error with its last lines when it does not */
  async writes(text: string): Promise<void> {
    try {
      await eventually(async () => this.lines.find((line) => line.includes(text)))
    } catch (error) {
      throw new Error(`the worker did not write "${text}"; its last lines:\n${this.lines.slice(-10).join('\n')}`, {
        cause: error,
      })
    }
  }

  /** How many of its lines contain `text`. */
  count(text: string): number {
    return this.lines.filter((line) => line.includes(text)).length
  }

  send(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Stops it in order, frozen or not; by force once it has had its time. Resolves with how it ended. */
  async stop(): Promise<string> {
    this.send('SIGTERM')
    this.send('SIGCONT')
    const timer = setTimeout(() => this.send('SIGKILL'), STOP_WITHIN_MS)
    const how = await this.ended
    clearTimeout(timer)
    return how
  }
}
