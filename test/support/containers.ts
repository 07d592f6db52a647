import { GenericContainer, type StartedTestContainer, Wait } from 'testcontainers'
import { freePort } from '../../devkit/free-port.ts'
import { runProgram } from '../../src/process/run-program.ts'
import type { Workspace } from '../../devkit/workspace.ts'
import type { ServerControl, Servers } from './servers.ts'

/** The images that docker-compose.yml and k8s/ name; test/system/deployment/versions.test.ts compares them. */
export const IMAGES = {
  redis: 'redis:8.2',
  postgres: 'postgres:18',
  opa: 'openpolicyagent/opa:1.22.2-static',
} as const

const PASSWORD = 'test'

/** Redis, OPA and PostgreSQL as containers. The workspace removes them when it closes. */
export async function startContainers(workspace: Workspace, bundleFile: string): Promise<Servers> {
  const [redis, opa, postgres] = await Promise.all([
    start(workspace, (port) =>
      new GenericContainer(IMAGES.redis)
        .withCommand([
          'redis-server',
          '--protected-mode',
          'no',
          '--appendonly',
          'yes',
          '--maxmemory-policy',
          'noeviction',
        ])
        .withExposedPorts({ container: 6379, host: port })
        .withWaitStrategy(Wait.forLogMessage(/Ready to accept connections/)),
    ),
    start(workspace, (port) =>
      new GenericContainer(IMAGES.opa)
        .withCopyFilesToContainer([{ source: bundleFile, target: '/bundle.tar.gz', mode: 0o644 }])
        .withCommand(['run', '--server', '--addr=0.0.0.0:8181', '--skip-version-check', '--bundle', '/bundle.tar.gz'])
        .withExposedPorts({ container: 8181, host: port })
        .withWaitStrategy(Wait.forHttp('/health?bundles', 8181)),
    ),
    start(workspace, (port) =>
      new GenericContainer(IMAGES.postgres)
        .withEnvironment({ POSTGRES_PASSWORD: PASSWORD, LANG: 'C.UTF-8' })
        .withCommand(['postgres', '-c', 'fsync=off', '-c', 'max_connections=200', '-c', 'timezone=UTC'])
        .withExposedPorts({ container: 5432, host: port })
        .withWaitStrategy(Wait.forSuccessfulCommand('pg_isready -h 127.0.0.1 -U postgres')),
    ),
  ])
  return {
    redis: { ...redis, url: `redis://127.0.0.1:${redis.port}` },
    opa: { ...opa, url: `http://127.0.0.1:${opa.port}` },
    postgres: { ...postgres, url: `postgresql://postgres:${PASSWORD}@127.0.0.1:${postgres.port}/postgres` },
  }
}

async function start(workspace: Workspace, describe: (port: number) => GenericContainer) {
  const port = await freePort()
  const container = await describe(port).start()
  workspace.defer(async () => void (await container.stop({ remove: true, removeVolumes: true })))
  return { port, server: controlOf(container) }
}

function controlOf(container: StartedTestContainer): ServerControl {
  const signal = (name: NodeJS.Signals) => runProgram('docker', ['kill', '--signal', name, container.getId()])
  let running = true
  const end = async (name: NodeJS.Signals) => {
    await signal(name)
    await runProgram('docker', ['wait', container.getId()])
    running = false
  }
  return {
    get running() {
      return running
    },
    start: async () => {
      await container.restart()
      running = true
    },
    stop: (name) => end(name ?? 'SIGTERM'),
    kill: async (name) => void (await (name === 'SIGKILL' ? end(name) : signal(name))),
  }
}
