import { runningServers } from '../../../devkit/server-process.ts'

/** For `afterEach`: a test ends what it starts. */
export function requireNoServers(): void {
  const names = runningServers().map(({ name, pid }) => `${name} (${pid})`)
  if (names.length > 0) throw new Error(`the test left servers running: ${names.join(', ')}`)
}
