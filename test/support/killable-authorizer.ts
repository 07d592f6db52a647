import { writeSync } from 'node:fs'
import { z } from 'zod'
import { loadConfig } from '../../src/config/load-config.ts'
import type { Observer } from '../../src/enforcement/ports/observer.ts'
import { refuseToStart, runProcess } from '../../src/process/run-process.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { UNOBSERVED } from '../../src/telemetry/observe-all.ts'
import { startAuthorizer } from '../../workers/authorizer.ts'

/** Where a batch can be hit, after the steps of `processBatch`. */
export const FAULT_POINTS = [
  'before admit',
  'after load',
  'after decide',
  'after examine',
  'before commit',
  'after commit',
  'after publish',
] as const
export type FaultPoint = (typeof FAULT_POINTS)[number]

/** The environment of this entry, besides the worker's own. */
const Fault = z.object({
  FAULT_POINT: z.enum(FAULT_POINTS),
  /** The signal that the process sends itself, once. */
  FAULT_SIGNAL: z.enum(['SIGKILL', 'SIGSTOP']),
  /** The hit comes when this many commands have reached the point. */
  FAULT_AFTER: z.coerce.number().int().min(1),
})
type Fault = z.infer<typeof Fault>

/** The environment that makes this entry hit itself. */
export function faultAt(point: FaultPoint, signal: Fault['FAULT_SIGNAL'], after: number): Record<string, string> {
  return { FAULT_POINT: point, FAULT_SIGNAL: signal, FAULT_AFTER: String(after) }
}

/** What this entry writes to standard output when it is about to hit itself, before the ids of the commands it holds. */
export const FAULT_LINE = 'fault: '

/** The ids of the commands that a process held when it hit itself, from what it wrote. */
export function heldCommands(lines: readonly string[]): readonly string[] {
  const line = lines.find((each) => each.startsWith(FAULT_LINE))
  return line?.slice(FAULT_LINE.length).split(' ') ?? []
}

/** Hits its own process at one point of a batch: before a step has begun, or after it and before anybody knows. */
function hitting({ FAULT_POINT: hitPoint, FAULT_SIGNAL: signal, FAULT_AFTER: enough }: Fault): Observer {
  let reached = 0
  let hit = false
  const reach = async (point: string, ids: readonly string[]) => {
    if (point !== hitPoint || hit || ids.length === 0) return
    reached += ids.length
    if (reached < enough) return
    hit = true
    writeSync(1, `${FAULT_LINE}${ids.join(' ')}\n`)
    process.kill(process.pid, signal)
    if (signal === 'SIGKILL') await new Promise(() => undefined)
  }
  return {
    ...UNOBSERVED,
    batch: (_deliveries, run) =>
      run(async (name, participants, step) => {
        const ids = participants.map((each) => ('delivery' in each ? each.delivery.jobId : each.jobId))
        await reach(`before ${name}`, ids)
        const result = await step()
        await reach(`after ${name}`, ids)
        return result
      }),
  }
}

if (import.meta.main) {
  try {
    const fault = Fault.parse(process.env)
    const config = loadConfig(process.env)
    const log = createLogger('authorizer', config.logLevel)
    await runProcess(log, config.shutdownGraceMs, () => startAuthorizer({ config, log, observer: hitting(fault) }))
  } catch (error) {
    refuseToStart(error)
  }
}
