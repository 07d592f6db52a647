import { print, say } from '../src/process/terminal.ts'

// The health check of the image: it asks the probe of the process in its container, or the URL that its argument names.
const { JOBWARDEN_PROBE_PORT: port = '8080' } = process.env
const url = process.argv[2] ?? `http://127.0.0.1:${port}/livez`
try {
  const response = await fetch(url, { signal: AbortSignal.timeout(4_000) })
  print(await response.text())
  process.exitCode = response.ok ? 0 : 1
} catch (error) {
  say(`${url}: ${error instanceof Error ? error.message : 'no answer'}`)
  process.exitCode = 1
}
