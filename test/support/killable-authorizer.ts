import { writeSync } from 'node:fs'
import { z } from 'zod'
import { loadConfig } from '../../src/config/load-config.ts'
import type { Enforcement } from '../../src/enforcement/process-batch.ts'
import { refuseToStart, runProcess } from '../../src/process/run-process.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
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

/** Ports that hit their own process at one point: before the step's effect, or after it and before anybody knows. */
function faulty(enforcement: Enforcement, fault: Fault): Enforcement {
  const { admission, store, pdp, audit } = enforcement
  let reached = 0
  let hit = false
  const reach = async (point: FaultPoint, ids: readonly string[]) => {
    if (point !== fault.FAULT_POINT || hit || ids.length === 0) return
    reached += ids.length
    if (reached < fault.FAULT_AFTER) return
    hit = true
    writeSync(1, `${FAULT_LINE}${ids.join(' ')}\n`)
    process.kill(process.pid, fault.FAULT_SIGNAL)
    if (fault.FAULT_SIGNAL === 'SIGKILL') await new Promise(() => undefined)
  }
  const before = async <Result>(point: FaultPoint, ids: readonly string[], run: () => Promise<Result>) => {
    await reach(point, ids)
    return run()
  }
  const after = async <Result>(point: FaultPoint, ids: readonly string[], run: () => Promise<Result>) => {
    const result = await run()
    await reach(point, ids)
    return result
  }
  const around = <Result>(ids: readonly string[], run: () => Promise<Result>) =>
    before('before commit', ids, () => after('after commit', ids, run))
  return {
    ...enforcement,
    admission: {
      ...admission,
      verifier: { verify: (jws) => before('before admit', ['unread'], () => admission.verifier.verify(jws)) },
    },
    store: {
      load: (requests) => after('after load', commandIds(requests), () => store.load(requests)),
      commit: (entries, rejections) => around(commandIds(entries), () => store.commit(entries, rejections)),
      candidates: (request) => store.candidates(request),
      commitCollection: (entry) =>
        before('after examine', [entry.commandId], () =>
          around([entry.commandId], () => store.commitCollection(entry)),
        ),
    },
    pdp: {
      decide: (requests) => after('after decide', [...requests.keys()].filter(isCommandId), () => pdp.decide(requests)),
      filter: (requests) => after('after decide', [...requests.keys()], () => pdp.filter(requests)),
    },
    audit: {
      publish: (denials) => {
        const ids = denials.map(({ denial }) => denial.id)
        return after('after publish', ids, () => audit.publish(denials))
      },
    },
  }
}

/** Rows of a collection are decided under numbers, which no command has for an id. */
const isCommandId = (id: string) => !/^\d+$/.test(id)

const commandIds = (requests: readonly { readonly commandId: string }[]) => requests.map(({ commandId }) => commandId)

if (import.meta.main) {
  try {
    const fault = Fault.parse(process.env)
    const config = loadConfig(process.env)
    const log = createLogger('authorizer', config.logLevel)
    const wrap = (enforcement: Enforcement) => faulty(enforcement, fault)
    await runProcess(log, config.shutdownGraceMs, () => startAuthorizer({ config, log, wrap }))
  } catch (error) {
    refuseToStart(error)
  }
}
