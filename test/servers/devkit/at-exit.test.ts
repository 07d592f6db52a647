import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { type Socket, connect } from 'node:net'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { expect, test } from 'vitest'
import * as z from 'zod'

const PROGRAM = join(import.meta.dirname, 'leave-behind.ts')
const Left = z.object({ path: z.string(), port: z.number() })

type Setup = {
  readonly child: ChildProcessByStdio<Writable, Readable, null>
  readonly folder: string
  /** Connected to the server, so its end closes it. */
  readonly client: Socket
}

async function setup(mode: 'redis' | 'postgres' | 'in order'): Promise<Setup> {
  const child = spawn(process.execPath, [PROGRAM, mode], { stdio: ['pipe', 'pipe', 'ignore'] })
  const line = await Promise.race([once(child.stdout, 'data'), once(child.stdout, 'end')])
  const { path, port } = Left.parse(JSON.parse(line.join('')))
  const client = connect(port, '127.0.0.1').on('error', () => {})
  await once(client, 'connect')
  return { child, folder: path, client }
}

/** Resolves with the signal that ended the program, if one did. */
async function untilGone({ child, client, folder }: Setup): Promise<string | null> {
  const closed = new Promise((resolve) => client.resume().once('close', resolve))
  await Promise.all([once(child, 'exit'), closed])
  expect(existsSync(folder)).toBe(false)
  return child.signalCode
}

test.for([
  { server: 'redis', how: 'exit' },
  { server: 'redis', how: 'throw' },
  { server: 'postgres', how: 'exit' },
] as const)('no $server and no folder outlives a process that ends by $how', async ({ server, how }) => {
  const bundle = await setup(server)
  bundle.child.stdin.write(how)
  expect(await untilGone(bundle)).toBeNull()
})

test.for(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('no server and no folder outlives a %s', async (signal) => {
  const bundle = await setup('redis')
  bundle.child.kill(signal)
  expect(await untilGone(bundle)).toBe(signal)
})

test('leaves a signal to a program that closes in order', async () => {
  const bundle = await setup('in order')
  bundle.child.kill('SIGTERM')
  expect((await once(bundle.child.stdout, 'data')).join('')).toBe('closing\n')
  expect(await untilGone(bundle)).toBeNull()
})
