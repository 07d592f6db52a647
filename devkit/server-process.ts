import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { messageOf } from '../src/domain/failure.ts'
import { atExit } from './at-exit.ts'
import { childEnd, OutputTail } from './child-process.ts'
import type { Account } from '../src/process/run-program.ts'
import { type FaultSignal, endsWithin, signalOne, signalTree } from './signal-tree.ts'

const PROBE_PAUSE_MS = 20
const PROBE_TIMEOUT_MS = 1_000
const EXIT_WITHIN_MS = 1_000

/** What to start, and how to know that it is ready. */
export type ServerCommand = {
  readonly name: string
  readonly file: string
  readonly args: readonly string[]
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  readonly account?: Account | undefined
  /** Called repeatedly until it returns true. A rejection means: not yet. */
  readonly isReady: (signal: AbortSignal) => Promise<boolean>
  readonly readyWithinMs?: number
  readonly stopSignal?: NodeJS.Signals
  readonly stopWithinMs?: number
  /** Sent when this process ends without having stopped the server: SIGKILL by default, which also follows after others. */
  readonly exitSignal?: NodeJS.Signals
  /** Sends a signal to the server if its process is not the child itself, as with a container. */
  readonly send?: (signal: NodeJS.Signals) => void
}

type Child = { readonly pid: number | undefined; readonly ended: Promise<string> }

const running = new Set<ServerProcess>()

/** The servers that this process has started and not stopped. A test that leaves one here has leaked it. */
export function runningServers(): readonly ServerProcess[] {
  return [...running]
}

/**
 * Starts a child process and resolves once it is ready. It ends with this process at the latest.
 * @throws Error with the last lines of its output when it ends early or is not ready in time
 */
export async function startServer(command: ServerCommand): Promise<ServerProcess> {
  const server = new ServerProcess(command)
  await server.start()
  return server
}

/** A server that can be stopped, broken and started again with the same options. */
export class ServerProcess {
  readonly #command: ServerCommand
  #child: Child | undefined

  constructor(command: ServerCommand) {
    this.#command = command
  }

  get name(): string {
    return this.#command.name
  }

  /** Undefined while the server does not run. */
  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** Whether the server was started and has not ended. */
  get running(): boolean {
    return this.#child !== undefined
  }

  async start(): Promise<void> {
    const { name, readyWithinMs = 20_000 } = this.#command
    if (this.#child !== undefined) throw new Error(`${name} runs already`)
    const tail = new OutputTail()
    const child = this.#spawn(tail)
    const deadline = Date.now() + readyWithinMs
    let why = 'no answer'
    for (let left = readyWithinMs; left > 0; left = deadline - Date.now()) {
      const answer = await Promise.race([child.ended, this.#probe(Math.min(left, PROBE_TIMEOUT_MS))])
      if (answer === true) return
      if (answer instanceof Error) why = messageOf(answer)
      if (typeof answer === 'string') throw new Error(`${name} ${answer} before it was ready${tail.text}`)
      await Promise.race([child.ended, pause(PROBE_PAUSE_MS)])
    }
    await this.kill('SIGKILL')
    throw new Error(`${name} was not ready within ${readyWithinMs / 1_000} s (${why})${tail.text}`)
  }

  /** Stops the server gracefully, or by force if that takes too long. Does nothing if it does not run. */
  async stop(signal: NodeJS.Signals = this.#command.stopSignal ?? 'SIGTERM'): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    this.#send(child, 'SIGCONT')
    this.#send(child, signal)
    const timer = setTimeout(() => this.#send(child, 'SIGKILL'), this.#command.stopWithinMs ?? 10_000)
    await child.ended
    clearTimeout(timer)
  }

  /** Breaks the server: SIGKILL resolves when it is gone, SIGSTOP freezes it, SIGCONT thaws it. */
  async kill(signal: FaultSignal): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    this.#send(child, signal)
    if (signal === 'SIGKILL') await child.ended
  }

  #spawn(tail: OutputTail): Child {
    const { file, args, cwd, env = process.env, account, exitSignal = 'SIGKILL' } = this.#command
    // With its own process group, the server does not get a Ctrl-C before its clients have closed.
    const spawned = spawn(file, args, { cwd, env, ...account, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
    tail.follow(spawned.stdout, spawned.stderr)
    const ended = childEnd(spawned).then(({ how }) => {
      keep()
      running.delete(this)
      this.#child = undefined
      return how
    })
    const child = { pid: spawned.pid, ended }
    const keep = atExit(() => {
      this.#send(child, exitSignal)
      if (exitSignal === 'SIGKILL' || child.pid === undefined) return
      this.#send(child, 'SIGCONT')
      if (!endsWithin(child.pid, EXIT_WITHIN_MS)) this.#send(child, 'SIGKILL')
    })
    running.add(this)
    this.#child = child
    return child
  }

  // The probe alone is not enough, because it may ignore its signal.
  async #probe(timeoutMs: number): Promise<boolean | Error> {
    const signal = AbortSignal.timeout(timeoutMs)
    const silence = once(signal, 'abort').then(() => new Error('no answer'))
    try {
      return await Promise.race([this.#command.isReady(signal), silence])
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error))
    }
  }

  #send(child: Child, signal: NodeJS.Signals): void {
    if (this.#command.send !== undefined) this.#command.send(signal)
    else if (child.pid === undefined) return
    else if (signal === 'SIGKILL' || signal === 'SIGSTOP' || signal === 'SIGCONT') signalTree(child.pid, signal)
    else signalOne(child.pid, signal)
  }
}
