import { SingleBar } from 'cli-progress'

/** Writes a line of progress to standard error. Standard output is for the result. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`)
}

/** Runs a measurement, with a progress bar if a person watches, and prints its result in a line. */
export async function underBar<Result>(
  label: string,
  total: number,
  run: (onProgress: (done: number) => void) => Promise<Result>,
  tell: (result: Result) => string,
): Promise<Result> {
  const watched = process.stderr.isTTY
  const bar = new SingleBar({
    format: `${label} {bar} {value}/{total}`,
    stream: process.stderr,
    clearOnComplete: true,
    hideCursor: true,
  })
  if (watched) bar.start(total, 0)
  try {
    const result = await run((done) => {
      if (watched) bar.update(done)
    })
    bar.stop()
    say(`${label}: ${tell(result)}`)
    return result
  } finally {
    bar.stop()
  }
}
