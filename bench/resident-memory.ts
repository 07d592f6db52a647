import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { readFile, readdir } from 'node:fs/promises'

/**
 * The memory of a process and its children, in MiB, as proportional set size, so that the memory that PostgreSQL's
 * processes share counts once. Source: proc(5), smaps_rollup. Linux only.
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

/** The heap of this process after a garbage collection. The resident set would include memory that V8 keeps. */
export function liveHeapBytes(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc()')
  return process.memoryUsage().heapUsed
}
