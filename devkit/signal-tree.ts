import { readFileSync } from 'node:fs'
import { pauseNow } from './at-exit.ts'

const LOOK_EVERY_MS = 10

/** How a test breaks a server: at once, frozen, thawed. */
export type FaultSignal = 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'

/**
 * Sends a signal to a process and all of its descendants, like a crash or a freeze of the machine. PostgreSQL needs this:
 * each connection has its own process, which still answers when only the first process is stopped.
 */
export function signalTree(pid: number, signal: FaultSignal): void {
  // A process that is frozen first neither starts another child nor reacts to the death of one.
  if (signal === 'SIGKILL') signalOne(pid, 'SIGSTOP')
  for (const child of childrenOf(pid)) signalTree(child, signal)
  signalOne(pid, signal)
}

/** Sends a signal to one process, and does nothing if that has ended by now. */
export function signalOne(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

/**
 * Blocks this thread until a process has ended, for `ms` at most. Without /proc it blocks that long.
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

// A child that has ended remains a zombie (Z) until the event loop handles it.
function hasEnded(pid: number): boolean {
  try {
    return /^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return process.platform === 'linux'
  }
}

// This works on Linux only. Elsewhere, the signal only reaches the first process.
function childrenOf(pid: number): readonly number[] {
  try {
    const pids = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
    return pids === '' ? [] : pids.split(/\s+/).map(Number)
  } catch {
    return []
  }
}
