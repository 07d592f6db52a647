import { chmod, chown, copyFile, realpath } from 'node:fs/promises'
import { createServer, connect } from 'node:net'
import { dirname, join } from 'node:path'
import { findPostgres } from '../../devkit/find-postgres.ts'
import { freePort } from '../../devkit/free-port.ts'
import { runProgram } from '../../src/process/run-program.ts'
import { startServer } from '../../devkit/server-process.ts'
import type { LocalPostgres } from '../../devkit/start-postgres.ts'
import { tcpExchange } from '../../devkit/tcp-exchange.ts'
import type { Workspace } from '../../devkit/workspace.ts'
import type { Certificate } from './certificates.ts'

/** Settings with which a server speaks TLS: it demands that nobody else can write or read its key. */
export async function tlsSettings(workspace: Workspace, certificate: Certificate): Promise<Record<string, string>> {
  const { account } = await findPostgres()
  const folder = await workspace.folder('server-certificate')
  await chmod(folder, 0o711)
  const [cert, key] = [join(folder, 'server.pem'), join(folder, 'server.key')]
  await copyFile(certificate.certFile, cert)
  await copyFile(certificate.keyFile, key)
  await chmod(cert, 0o644)
  await chmod(key, 0o600)
  if (account !== undefined) await chown(key, account.uid, account.gid)
  return { ssl: 'on', ssl_cert_file: cert, ssl_key_file: key }
}

/** A hot standby of a server, which takes reads alone. The workspace stops it. @returns its URL */
export async function startStandby(workspace: Workspace, primary: LocalPostgres): Promise<string> {
  const { postgres, account } = await findPostgres()
  const data = join(await workspace.folder('standby'), 'data')
  if (account !== undefined) await chown(dirname(data), account.uid, account.gid)
  const backup = join(dirname(await realpath(postgres)), 'pg_basebackup')
  const from = ['--host', '127.0.0.1', '--port', String(primary.port), '--username', 'postgres']
  const args = [...from, '--pgdata', data, '--checkpoint', 'fast', '--write-recovery-conf', '--no-sync']
  await runProgram(backup, args, { cwd: dirname(data), account })
  const port = await freePort()
  const settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'max_connections=200']
  const server = await startServer({
    name: 'standby',
    file: postgres,
    args: ['-D', data, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])],
    account,
    stopSignal: 'SIGINT',
    exitSignal: 'SIGQUIT',
    isReady: async (signal) => (await tcpExchange(port, startupMessage({ user: 'postgres' }), signal)).startsWith('R'),
  })
  workspace.defer(() => server.stop('SIGQUIT'))
  return primary.url.replace(`:${primary.port}/`, `:${port}/`)
}

/** Stands between clients and a server as a pooler does that keeps no settings of a session. @returns its port */
export async function startPooler(workspace: Workspace, target: number): Promise<number> {
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1')
    client.once('data', (first: Buffer) => {
      upstream.write(startupMessage({ ...parametersOf(first), options: '' }))
      client.pipe(upstream)
    })
    upstream.pipe(client)
    for (const socket of [client, upstream]) socket.on('error', () => [client, upstream].map((each) => each.destroy()))
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  workspace.defer(async () => void server.close())
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

function parametersOf(message: Buffer): Record<string, string> {
  const parameters: Record<string, string> = {}
  const words = message.subarray(8).toString().split('\0')
  for (let index = 0; index + 1 < words.length; index += 2) parameters[words[index] ?? ''] = words[index + 1] ?? ''
  return parameters
}

/** The first message of a client, of protocol 3.0. */
function startupMessage(parameters: Readonly<Record<string, string>>): Buffer {
  const pairs = Object.entries(parameters).filter(([, value]) => value !== '')
  const body = Buffer.from(`\0\x03\0\0${pairs.map(([name, value]) => `${name}\0${value}\0`).join('')}\0`, 'latin1')
  const length = Buffer.alloc(4)
  length.writeInt32BE(body.length + 4)
  return Buffer.concat([length, body])
}
