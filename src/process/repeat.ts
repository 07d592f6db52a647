/** Something that runs until it is stopped. */
export type Repeating = { stop(): Promise<void> }

/** Runs `task` repeatedly, with a pause between the runs and never twice at a time. Errors go to `onError`. */
export function repeat(task: () => Promise<unknown>, pauseMs: number, onError: (error: unknown) => void): Repeating {
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> = Promise.resolve()
  const run = async () => {
    try {
      await task()
    } catch (error) {
      onError(error)
    }
    if (!stopped) schedule()
  }
  const schedule = () => {
    timer = setTimeout(() => {
      running = run()
    }, pauseMs)
  }
  running = run()
  return {
    stop: async () => {
      stopped = true
      clearTimeout(timer)
      await running
    },
  }
}
