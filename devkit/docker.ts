import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { messageOf } from '../src/domain/failure.ts'
import { atExit } from './at-exit.ts'
import { findPrograms, pathFolders } from './find-program.ts'
import { runProgram } from '../src/process/run-program.ts'
import type { ServerCommand } from './server-process.ts'
import type { Workspace } from './workspace.ts'

const PULL_TIMEOUT_MS = 300_000

export type ContainerOptions = {
  readonly image: string
  /** The port inside the container, and the loopback port that leads to it. */
  readonly port: { readonly inside: number; readonly outside: number }
  readonly env?: Readonly<Record<string, string>>
  /** Files of this machine to mount read-only, by their path inside. */
  readonly files?: Readonly<Record<string, string>>
  readonly args: readonly string[]
}

/**
 * The docker client, if its engine answers.
 * @throws Error that says why docker cannot be used
 */
export async function findDocker(folders: readonly string[] = pathFolders()): Promise<string> {
  const [docker] = await findPrograms('docker', folders)
  if (docker === undefined) throw new Error('docker was not found')
  try {
    await runProgram(docker, ['version', '--format', '{{.Server.Version}}'], { timeoutMs: 10_000 })
  } catch (error) {
    throw new Error(`docker does not work: ${messageOf(error)}`, { cause: error })
  }
  return docker
}

/**
 * Creates a container that belongs to the workspace: it keeps its data when it is stopped or killed, and is removed when
 * the workspace closes. Fetches the image if it is not on this machine.
 * @returns how to start it and how to signal it
 */
export async function createContainer(
  docker: string,
  workspace: Workspace,
  options: ContainerOptions,
): Promise<Required<Pick<ServerCommand, 'file' | 'args' | 'send'>>> {
  const name = `jobwarden-${randomUUID()}`
  const remove = () => spawnSync(docker, ['rm', '--force', '--volumes', name])
  const keep = atExit(remove)
  workspace.defer(() => {
    remove()
    keep()
    return Promise.resolve()
  })
  await runProgram(docker, ['create', '--name', name, ...createArgs(options)], { timeoutMs: PULL_TIMEOUT_MS })
  return { file: docker, args: ['start', '--attach', name], send: (signal) => signalContainer(docker, name, signal) }
}

function createArgs({ image, port, env = {}, files = {}, args }: ContainerOptions): readonly string[] {
  return [
    `--publish=127.0.0.1:${port.outside}:${port.inside}`,
    ...Object.entries(env).map(([key, value]) => `--env=${key}=${value}`),
    ...Object.entries(files).map(([inside, file]) => `--volume=${file}:${inside}:ro`),
    image,
    ...args,
  ]
}

// A signal to the client would only end the client. SIGSTOP pauses the whole container, which cannot be killed then.
function signalContainer(docker: string, name: string, signal: NodeJS.Signals): void {
  if (signal === 'SIGSTOP') spawnSync(docker, ['pause', name])
  else if (signal === 'SIGCONT') spawnSync(docker, ['unpause', name])
  else {
    if (signal === 'SIGKILL') spawnSync(docker, ['unpause', name])
    spawnSync(docker, ['kill', '--signal', signal, name])
  }
}
