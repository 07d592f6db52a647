import { readFileSync } from 'node:fs'
import { pauseNow } from './at-exit.ts'

const LOOK_EVERY_MS = 10

/** How a test breaks a server: at once, frozen, thawed. */
export type FaultSignal = 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'

/**
 * Sends a fault to a process and all below it, as a crash or a freeze of the machine would. PostgreSQL needs it: each
 * connection has a process of its own that goes on answering when only the first one is stopped.
 */
export function signalTree(pid: number, signal: FaultSignal): void {
  // Frozen first, a process neither starts another child nor reacts to the death of one.
  if (signal === 'SIGKILL') signalOne(pid, 'SIGSTOP')
  for (const child of childrenOf(pid)) signalTree(child, signal)
  signalOne(pid, signal)
}

/** Sends a signal to one process; one that has ended by now is left in peace. */
export function signalOne(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

/**
 * Waits without yielding until a process has ended, at most `ms`. Where /proc is missing it waits that long.
 * @returns whether it has ended
 */
export function endsWithin(pid: number, ms: number): boolean {
  const deadline = Date.now() + ms
  while (Date.now() < deadline) {
    if (hasEnded(pid)) return true
    pauseNow(LOOK_EVERY_MS)
  }
  return false
}

// A child that has ended stays as a zombie (Z) until the event loop gets to it.
function hasEnded(pid: number): boolean {
  try {
    return /^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return process.platform === 'linux'
  }
}

// Linux only. Elsewhere a fault reaches the first process alone.
function childrenOf(pid: number): readonly number[] {
  try {
    const pids = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
    return pids === '' ? [] : pids.split(/\s+/).map(Number)
  } catch {
    return []
  }
}
