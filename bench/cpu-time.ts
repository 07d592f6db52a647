import { readFileSync, readdirSync } from 'node:fs'

/** Linux counts in hundredths of a second, whatever the clock of the kernel is. Source: proc(5), sysconf(_SC_CLK_TCK). */
const MICROS_PER_TICK = 10_000

/**
 * User and system time of a process and all its children, also those that have ended, in microseconds. It is read
 * synchronously, so that several processes are read at the same time. Linux only.
 */
export function cpuMicros(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The second field is a name in brackets, which may contain anything. utime is the 14th, then stime, cutime and cstime.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const own = fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0)
  return own * MICROS_PER_TICK + childrenOf(pid).reduce((sum, child) => sum + cpuMicros(child), 0)
}

function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number),
  )
}
