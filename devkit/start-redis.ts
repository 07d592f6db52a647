import { resolve } from 'node:path'
import { messageOf } from '../src/domain/failure.ts'
import { createContainer, findDocker } from './docker.ts'
import { findPrograms, pathFolders } from './find-program.ts'
import { onFreePort } from './free-port.ts'
import { type ServerCommand, type ServerProcess, startServer } from './server-process.ts'
import { tcpExchange } from './tcp-exchange.ts'
import type { Workspace } from './workspace.ts'

const IMAGE = 'redis:8.2'
const ACL_INSIDE = '/etc/jobwarden-users.acl'

export type StartRedisOptions = {
  readonly workspace: Workspace
  /** Whether commands survive the death of the server. If it is off, Redis restarts empty. */
  readonly appendonly?: boolean
  /** Users and their rights. Without it, everybody on this machine may do everything. */
  readonly aclFile?: string
  readonly extraArgs?: readonly string[]
  /** Called with what takes time. */
  readonly say?: (line: string) => void
  /** Where programs are searched. By default the PATH. */
  readonly folders?: readonly string[]
}

/** `url` names no user. */
export type LocalRedis = { readonly url: string; readonly port: number; readonly server: ServerProcess }

/**
 * Starts a Redis with redis-server, or else in a container. The workspace stops it when it closes.
 * @throws Error that says how to get Redis if there is neither
 */
export async function startRedis(options: StartRedisOptions): Promise<LocalRedis> {
  const { workspace, folders = pathFolders() } = options
  const [program] = await findPrograms('redis-server', folders)
  const docker = program === undefined ? await dockerOrAdvice(folders) : undefined
  const folder = await workspace.folder('redis')
  return onFreePort(async (port) => {
    const command =
      docker === undefined
        ? { file: program ?? 'redis-server', args: redisArgs(options, port, ['--bind', '127.0.0.1', '--dir', folder]) }
        : await inContainer(docker, options, port)
    const server = await startServer({
      name: 'redis-server',
      cwd: folder,
      isReady: (signal) => answersPing(port, signal),
      ...command,
    })
    workspace.defer(() => server.stop())
    return { url: `redis://127.0.0.1:${port}`, port, server }
  })
}

function redisArgs({ appendonly, aclFile, extraArgs = [] }: StartRedisOptions, port: number, place: readonly string[]) {
  const durability = ['--save', '', '--appendonly', appendonly === true ? 'yes' : 'no']
  const users = aclFile === undefined ? [] : ['--aclfile', resolve(aclFile)]
  return ['--port', String(port), ...place, ...durability, '--maxmemory-policy', 'noeviction', ...users, ...extraArgs]
}

// The network of the container protects it: only the loopback port leads to it.
async function inContainer(
  docker: string,
  options: StartRedisOptions,
  outside: number,
): Promise<Pick<ServerCommand, 'file' | 'args' | 'send'>> {
  const { workspace, aclFile, say } = options
  say?.(`redis-server was not found; starting ${IMAGE} with docker`)
  const inside = 6379
  const optionsInside = { ...options, ...(aclFile !== undefined && { aclFile: ACL_INSIDE }) }
  return createContainer(docker, workspace, {
    image: IMAGE,
    port: { inside, outside },
    files: aclFile === undefined ? {} : { [ACL_INSIDE]: resolve(aclFile) },
    args: ['redis-server', ...redisArgs(optionsInside, inside, ['--protected-mode', 'no'])],
  })
}

async function dockerOrAdvice(folders: readonly string[]): Promise<string> {
  try {
    return await findDocker(folders)
  } catch (error) {
    const advice = 'Install Redis 6.2 or newer (`apt-get install redis-server`, `brew install redis`) or start docker.'
    throw new Error(`no Redis: redis-server is not on the PATH; ${messageOf(error)}\n${advice}`, { cause: error })
  }
}

async function answersPing(port: number, signal: AbortSignal): Promise<boolean> {
  return /^(\+PONG|-NOAUTH|-NOPERM)/.test(await tcpExchange(port, 'PING\r\n', signal))
}
