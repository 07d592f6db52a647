const never = new Int32Array(new SharedArrayBuffer(4))

/** Stops this thread for a while. For the end of a process, when nothing can be awaited any more. */
export function pauseNow(ms: number): void {
  Atomics.wait(never, 0, 0, ms)
}
