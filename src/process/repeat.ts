/** Something that runs until it is stopped. */
export type Repeating = { stop(): Promise<void> }

/**
 * Runs `task` repeatedly, with a pause between the runs and never twice at a time. Errors go to `onError`. If the pause is a
 * function, each pause is asked for anew.
 */
export function repeat(
  task: () => Promise<unknown>,
  pauseMs: number | (() => number),
  onError: (error: unknown) => void,
  first: 'at once' | 'after a pause' = 'at once',
): Repeating {
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
    timer = setTimeout(
      () => {
        running = run()
      },
      typeof pauseMs === 'number' ? pauseMs : pauseMs(),
    )
  }
  if (first === 'at once') running = run()
  else schedule()
  return {
    stop: async () => {
      stopped = true
      clearTimeout(timer)
      await running
    },
  }
}
