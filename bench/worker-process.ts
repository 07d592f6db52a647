import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import { childEnd } from '../devkit/child-process.ts'
import { type Row, type ServersEnv, environmentOf } from './rows.ts'
import { type WorkerRequest, WARM_UP, WorkerMessage, type WorkerReport } from './workers/worker-report.ts'

const ANSWER_WITHIN_MS = 60_000

/** The worker of a row in its own process, so that its CPU time and memory can be measured. */
export class WorkerProcess {
  readonly #child: ChildProcess
  readonly #ended: Promise<never>

  private constructor(child: ChildProcess) {
    this.#child = child
    this.#ended = childEnd(child).then(({ how }) => {
      throw new Error(`the worker ${how}`)
    })
    this.#ended.catch(() => undefined)
  }

  /** Starts the worker, and resolves when it takes jobs. */
  static async start(row: Row, servers: ServersEnv, warmUp = 0): Promise<WorkerProcess> {
    const child = fork(join(import.meta.dirname, 'workers', `${row.worker}.ts`), {
      env: { ...withoutTracing(process.env), ...environmentOf(row, servers), [WARM_UP]: String(warmUp) },
      // Standard output is for the table, so the output of a worker goes to standard error.
      stdio: ['ignore', 2, 2, 'ipc'],
    })
    const worker = new WorkerProcess(child)
    await worker.#message('ready')
    return worker
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** What the worker used since its warm-up. */
  async report(): Promise<WorkerReport> {
    const answer = this.#message('report')
    this.#ask('report')
    const message = await answer
    if (message.kind !== 'report') throw new Error(`the worker answered ${message.kind}`)
    return message
  }

  async stop(): Promise<void> {
    this.#ask('stop')
    await this.#within(
      this.#ended.catch(() => undefined),
      'stop',
    )
  }

  /** Rejects when the worker ends, so that nobody waits for a dead one. */
  get ended(): Promise<never> {
    return this.#ended
  }

  #ask(request: WorkerRequest): void {
    this.#child.send(request)
  }

  #message(kind: WorkerMessage['kind']): Promise<WorkerMessage> {
    const arrival = new Promise<WorkerMessage>((resolve) => {
      const listen = (value: unknown) => {
        const message = WorkerMessage.parse(value)
        if (message.kind !== kind) return
        this.#child.off('message', listen)
        resolve(message)
      }
      this.#child.on('message', listen)
    })
    return this.#within(Promise.race([arrival, this.#ended]), kind)
  }

  async #within<Value>(promise: Promise<Value>, what: string): Promise<Value> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        this.#child.kill('SIGKILL')
        reject(new Error(`the worker did not send "${what}" within ${ANSWER_WITHIN_MS / 1000} s`))
      }, ANSWER_WITHIN_MS)
    })
    try {
      return await Promise.race([promise, late])
    } finally {
      clearTimeout(timer)
    }
  }
}

/** The environment without the variables of OpenTelemetry, which the rows set. Settings of jobwarden in it count. */
function withoutTracing(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('OTEL_')))
}
