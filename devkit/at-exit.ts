const releases = new Set<() => void>()
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
let signalled = false

/**
 * Runs `release` when this process ends: normally, by an uncaught error or by a signal. The one that was registered last
 * runs first, so that servers end before the folders that they write to. It must be synchronous and quick.
 * Nothing can run after a SIGKILL.
 * @returns a function that removes `release` from the list
 */
export function atExit(release: () => void): () => void {
  const entry = () => release()
  if (releases.size === 0) listen()
  releases.add(entry)
  return () => {
    if (releases.delete(entry) && releases.size === 0) ignore()
  }
}

function listen(): void {
  process.on('exit', releaseAll)
  // It goes first, because a `once` listener that ran earlier would no longer be counted below.
  for (const signal of SIGNALS) process.prependListener(signal, onSignal)
}

function ignore(): void {
  process.off('exit', releaseAll)
  for (const signal of SIGNALS) process.off(signal, onSignal)
}

function releaseAll(): void {
  for (const release of [...releases].toReversed()) {
    try {
      release()
    } catch (error) {
      process.stderr.write(`left behind at exit: ${String(error)}\n`)
    }
  }
  releases.clear()
}

// Another listener for the signal ends the process gracefully, and `exit` follows. A second signal does not wait for that.
// Without another listener the signal has to be raised again, because it no longer ends the process while we listen to it.
function onSignal(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1 && !signalled) {
    signalled = true
    return
  }
  releaseAll()
  process.removeAllListeners(signal)
  process.kill(process.pid, signal)
}

const never = new Int32Array(new SharedArrayBuffer(4))

/** Stops this thread for a while. It is for the end of a process, when nothing can be awaited. */
export function pauseNow(ms: number): void {
  Atomics.wait(never, 0, 0, ms)
}
