import type { Running } from '../../src/process/run-process.ts'
import { WorkerRequest, WARM_UP, type WorkerMessage } from './worker-report.ts'

/**
 * Measures a worker of the bench. The clock starts when the worker has taken its warm-up jobs: loading modules and
 * compiling hot code do not count, because a worker lives for days.
 */
export class Meter {
  readonly #warmUp: number
  #taken = 0
  #startedAt = 0
  #cpu: NodeJS.CpuUsage | undefined
  #denied = 0

  constructor(warmUp: number) {
    this.#warmUp = warmUp
  }

  /** Called for every job or batch that the worker takes. */
  taken(jobs = 1): void {
    this.#taken += jobs
    if (this.#cpu !== undefined || this.#taken <= this.#warmUp) return
    this.#startedAt = Date.now()
    this.#cpu = process.cpuUsage()
  }

  denied(): void {
    this.#denied += 1
  }

  report(): WorkerMessage {
    const { user, system } = this.#cpu === undefined ? { user: 0, system: 0 } : process.cpuUsage(this.#cpu)
    return {
      kind: 'report',
      startedAt: this.#startedAt,
      cpuMicros: user + system,
      rssBytes: process.memoryUsage.rss(),
      denied: this.#denied,
    }
  }
}

/** Runs one worker in this process, tells the bench when it is ready, and answers its requests until it has to stop. */
export async function runMeasured(start: (meter: Meter) => Promise<Running>): Promise<void> {
  // The bench is gone: nobody is left to answer.
  process.once('disconnect', () => process.exit())
  const meter = new Meter(Number(process.env[WARM_UP] ?? 0))
  const running = await start(meter)
  process.on('message', (message) => {
    if (WorkerRequest.parse(message) === 'report') return send(meter.report())
    process.removeAllListeners('disconnect')
    void running.close().finally(() => process.disconnect())
  })
  send({ kind: 'ready' })
}

function send(message: WorkerMessage): void {
  process.send?.(message)
}
