import type { ServerProcess } from '../../devkit/server-process.ts'
import { obtainOpa } from '../../devkit/obtain-opa.ts'
import { startOpa } from '../../devkit/start-opa.ts'
import { startPostgres } from '../../devkit/start-postgres.ts'
import { startRedis } from '../../devkit/start-redis.ts'
import type { Workspace } from '../../devkit/workspace.ts'
import { startContainers } from './containers.ts'

/** How a test stops, breaks and starts a server. */
export type ServerControl = Pick<ServerProcess, 'start' | 'stop' | 'kill' | 'running'>

export type Server = { readonly url: string; readonly port: number; readonly server: ServerControl }

export type Servers = { readonly redis: Server; readonly opa: Server; readonly postgres: Server }

/** What runs the servers of tests: this machine's programs, or the pinned images. */
const PLACE = process.env['TEST_SERVERS'] ?? 'programs'

/** Redis with an append-only file, OPA with a bundle, PostgreSQL. The workspace stops them when it closes. */
export function startServers(workspace: Workspace, bundleFile: string): Promise<Servers> {
  switch (PLACE) {
    case 'programs':
      return startPrograms(workspace, bundleFile)
    case 'containers':
      return startContainers(workspace, bundleFile)
    default:
      throw new Error(`TEST_SERVERS=${PLACE}: it is programs or containers`)
  }
}

async function startPrograms(workspace: Workspace, bundle: string): Promise<Servers> {
  const { path: opa } = await obtainOpa({ say: () => undefined })
  const [redis, policies, postgres] = await Promise.all([
    startRedis({ workspace, appendonly: true }),
    startOpa({ workspace, opa, bundle }),
    startPostgres({ workspace, fsync: false }),
  ])
  return { redis, opa: policies, postgres }
}
