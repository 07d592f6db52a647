import { readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect } from 'vitest'
import { type Workspace, openWorkspace } from '../../devkit/workspace.ts'
import { NO_LIMITS } from '../../src/domain/producer-limits.ts'
import { ProducerKeys } from '../../src/signing/producer-keys.ts'
import { type CliResult, runCli } from './run-cli.ts'

export const HOUR_MS = 3_600_000

/** The key that the workers' file has at first, and what it admits of the JWKS URL. */
export const ORDERS = {
  kid: 'orders',
  kty: 'oct',
  alg: 'HS256',
  k: Buffer.alloc(32, 'orders').toString('base64url'),
  may: { ...NO_LIMITS, users: ['user_*'], roles: ['user'], lifetimeMs: HOUR_MS },
} as const
export const SHOP = { producer: 'shop', kids: ['shop-*'], may: { ...NO_LIMITS, users: ['user_*'] } }

/** The flags of limits, each with something else than all. */
export const LIMITED = [
  ['--queues', 'jobwarden-commands'],
  ['--actions', 'read', 'update'],
  ['--types', 'document'],
  ['--users', 'user_*', 'svc'],
  ['--roles', 'user'],
  ['--lifetime-ms', '60000'],
].flat()

/** A folder for each test of a file, with the workers' file in it. */
export class KeyFolder {
  path = ''
  #workspace: Workspace | undefined

  /** Opens it before each test of the file that calls this, and removes it after the last. */
  static ofEachTest(): KeyFolder {
    const folder = new KeyFolder()
    beforeAll(async () => {
      folder.#workspace = await openWorkspace()
    })
    afterAll(() => folder.#workspace?.close())
    beforeEach(async () => {
      folder.path = await folder.another()
      await folder.keep({ keys: [ORDERS], served: [SHOP] })
    })
    return folder
  }

  /** A folder that is empty. */
  async another(): Promise<string> {
    return (await this.#workspace?.folder('keys')) ?? expect.unreachable('it is for tests alone')
  }

  file(name: string): string {
    return join(this.path, name)
  }

  get workersFile(): string {
    return this.file('workers.json')
  }

  /** Makes this the content of the workers' file. */
  async keep(content: unknown): Promise<void> {
    await writeFile(this.workersFile, typeof content === 'string' ? content : JSON.stringify(content))
  }

  async read(file = this.workersFile): Promise<ProducerKeys> {
    return ProducerKeys.parse(JSON.parse(await readFile(file, 'utf8')))
  }

  /** Runs `jobwarden keys`, and sees that it prints nothing that is secret in a file of the folder. */
  async run(...args: readonly string[]): Promise<CliResult> {
    const result = await runCli('cli/jobwarden.ts', ['keys', ...args])
    for (const entry of await readdir(this.path, { withFileTypes: true })) {
      const { name } = entry
      if (!entry.isFile() || name.endsWith('.lock')) continue // Another command may be about to take its lock away.
      const text = await readFile(this.file(name), 'utf8')
      for (const [, secret = ''] of text.matchAll(/"(?:k|d)":\s*"([^"]+)"/g))
        expect(result.stdout + result.stderr).not.toContain(secret)
    }
    return result
  }

  /** Why a command is refused: with status 2, and without a trace in the folder. */
  async refusal(...args: readonly string[]): Promise<string> {
    const before = await this.#content()
    const { status, stderr } = await this.run(...args)
    expect({ status, content: await this.#content() }).toEqual({ status: 2, content: before })
    return stderr
  }

  async #content(): Promise<unknown> {
    return [await readdir(this.path), await readFile(this.workersFile, 'utf8')]
  }
}
