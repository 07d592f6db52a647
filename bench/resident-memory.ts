import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { readFile, readdir } from 'node:fs/promises'

/**
 * The memory that a process and its children hold, in MiB: proportional set size, so that what PostgreSQL's processes
 * share counts once. Source: proc(5), smaps_rollup. Linux only.
 */
export async function residentMiB(pid: number): Promise<number> {
  const children = await childrenOf(pid)
  const own = await proportionalKiB(pid)
  const below = await Promise.all(children.map(residentMiB))
  return own / 1024 + below.reduce((sum, each) => sum + each, 0)
}

async function proportionalKiB(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8')
  return Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1] ?? 0)
}

async function childrenOf(pid: number): Promise<number[]> {
  const tasks = await readdir(`/proc/${pid}/task`)
  const lists = await Promise.all(tasks.map((task) => readFile(`/proc/${pid}/task/${task}/children`, 'utf8')))
  return lists.flatMap((list) =>
    list
      .split(' ')
      .filter((child) => child !== '')
      .map(Number),
  )
}

/** What this process holds in memory, after a garbage collection: the resident set keeps what V8 has not given back. */
export function liveHeapBytes(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc()')
  return process.memoryUsage().heapUsed
}
