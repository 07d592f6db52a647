import { randomUUID } from 'node:crypto'
import { chown } from 'node:fs/promises'
import { messageOf } from '../src/domain/failure.ts'
import { createContainer, findDocker } from './docker.ts'
import { type PostgresPrograms, findPostgres } from './find-postgres.ts'
import { onFreePort } from './free-port.ts'
import { runProgram } from '../src/process/run-program.ts'
import { type ServerCommand, type ServerProcess, startServer } from './server-process.ts'
import { tcpExchange } from './tcp-exchange.ts'
import type { Workspace } from './workspace.ts'

const IMAGE = 'postgres:18'

export type StartPostgresOptions = {
  readonly workspace: Workspace
  /** If it is off, commits do not wait for the disk: for tests, never for measurements. On by default. */
  readonly fsync?: boolean
  /** The locale of the database, which decides how strings sort. `C` by default. */
  readonly locale?: string
  /** Server settings by name, which override those chosen here. */
  readonly settings?: Readonly<Record<string, string>>
  readonly say?: (line: string) => void
  /** Where programs are searched. By default the PATH, and then Debian's folders, the newest first. */
  readonly folders?: readonly string[]
}

/** `url` names a superuser and the database `postgres`. */
export type LocalPostgres = { readonly url: string; readonly port: number; readonly server: ServerProcess }

/**
 * Starts a PostgreSQL with the programs on this machine, or else in a container. The workspace stops it when it closes.
 * `server.stop()` is a fast shutdown, `server.stop('SIGQUIT')` an immediate one.
 * @throws Error that says how to get PostgreSQL if there is neither
 */
export async function startPostgres(options: StartPostgresOptions): Promise<LocalPostgres> {
  const { user, start } = await chooseStart(options)
  return onFreePort(async (port) => {
    const server = await startServer({
      name: 'postgres',
      isReady: (signal) => answersStartup(port, signal),
      stopSignal: 'SIGINT',
      ...(await start(port)),
    })
    options.workspace.defer(() => server.stop('SIGQUIT'))
    return { url: `postgresql://${user}@127.0.0.1:${port}/postgres`, port, server }
  })
}

type Start = {
  /** As it is written in a URL. */
  readonly user: string
  readonly start: (port: number) => Promise<Pick<ServerCommand, 'file' | 'args' | 'send' | 'account' | 'exitSignal'>>
}

async function chooseStart(options: StartPostgresOptions): Promise<Start> {
  const { folders, say } = options
  let programs: PostgresPrograms
  try {
    programs = await findPostgres(folders)
  } catch (error) {
    const docker = await dockerOrAdvice(folders, messageOf(error))
    say?.(`${messageOf(error)}; starting ${IMAGE} with docker`)
    return inContainer(docker, options)
  }
  return inFolder(programs, options)
}

async function dockerOrAdvice(folders: readonly string[] | undefined, why: string): Promise<string> {
  try {
    return await findDocker(folders)
  } catch (error) {
    const advice = 'Install PostgreSQL (`apt-get install postgresql`, `brew install postgresql`) or start docker.'
    throw new Error(`no PostgreSQL: ${why}; ${messageOf(error)}\n${advice}`, { cause: error })
  }
}

async function inFolder(
  { postgres, initdb, account }: PostgresPrograms,
  options: StartPostgresOptions,
): Promise<Start> {
  const { workspace, locale = 'C' } = options
  const data = await workspace.folder('postgres')
  if (account !== undefined) await chown(data, account.uid, account.gid)
  const initArgs = ['--pgdata', data, '--username', 'postgres', '--auth', 'trust', '--no-sync', ...localeArgs(locale)]
  await runProgram(initdb, initArgs, { cwd: data, account })
  // Nobody needs a socket file. Its path may not exceed 103 bytes, and its default folder may not be writable.
  const place = { listen_addresses: '127.0.0.1', unix_socket_directories: '' }
  return {
    user: 'postgres',
    start: (port) =>
      Promise.resolve({
        file: postgres,
        args: ['-D', data, '-p', String(port), ...settingArgs({ ...place, ...settingsOf(options) })],
        account,
        // A killed server leaves its shared memory behind until the next start. An immediate shutdown does not.
        exitSignal: 'SIGQUIT',
      }),
  }
}

function inContainer(docker: string, options: StartPostgresOptions): Start {
  const { workspace, locale = 'C' } = options
  const password = randomUUID()
  const env = { POSTGRES_PASSWORD: password, POSTGRES_INITDB_ARGS: localeArgs(locale).join(' ') }
  const args = ['postgres', ...settingArgs(settingsOf(options))]
  return {
    user: `postgres:${password}`,
    start: (outside) =>
      createContainer(docker, workspace, { image: IMAGE, port: { inside: 5432, outside }, env, args }),
  }
}

function settingsOf({ fsync = true, settings }: StartPostgresOptions): Readonly<Record<string, string>> {
  // Commits still reach the operating system (synchronous_commit stays on), so they survive a killed server.
  const unsafe = fsync ? {} : { fsync: 'off', full_page_writes: 'off' }
  return { max_connections: '200', timezone: 'UTC', ...unsafe, ...settings }
}

function settingArgs(settings: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

function localeArgs(locale: string): readonly string[] {
  return ['--encoding=UTF8', `--locale=${locale}`]
}

// A start-up message of protocol 3.0. The answer begins with R (authentication) only once the server accepts clients.
async function answersStartup(port: number, signal: AbortSignal): Promise<boolean> {
  const parameters = Buffer.from('\0\x03\0\0user\0postgres\0database\0postgres\0\0', 'latin1')
  const length = Buffer.alloc(4)
  length.writeInt32BE(parameters.length + 4)
  return (await tcpExchange(port, Buffer.concat([length, parameters]), signal)).startsWith('R')
}
