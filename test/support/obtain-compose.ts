import { access, mkdir, rename } from 'node:fs/promises'
import { resolve } from 'node:path'
import { findPrograms, pathFolders } from '../../devkit/find-program.ts'
import { runProgram } from '../../src/process/run-program.ts'

/** The go.mod here pins it. */
const VERSION = '2.40.3'
const SOURCE = 'test/system/deployment/compose-tool'

/** How to call Compose 2: a program, and the arguments that come first. */
export type Compose = { readonly file: string; readonly args: readonly string[] }

/**
 * Compose as docker's plugin, or compiled from its Go module into `.tools`, which takes some minutes once.
 * @throws Error that says how to get it when there is neither the plugin nor Go
 */
export async function obtainCompose(): Promise<Compose> {
  if (await hasPlugin()) return { file: 'docker', args: ['compose'] }
  const file = resolve('.tools', `docker-compose-${VERSION}`)
  try {
    await access(file)
  } catch {
    await compile(file)
  }
  return { file, args: [] }
}

async function hasPlugin(): Promise<boolean> {
  try {
    await runProgram('docker', ['compose', 'version'])
    return true
  } catch {
    return false
  }
}

async function compile(file: string): Promise<void> {
  const [go] = await findPrograms('go', [...pathFolders(), '/usr/local/go/bin'])
  if (go === undefined)
    throw new Error(
      'no Compose: `docker compose version` fails, and there is no Go to compile it; install docker compose',
    )
  await mkdir('.tools', { recursive: true })
  const unfinished = `${file}.${process.pid}`
  await runProgram(go, ['build', '-C', SOURCE, '-o', unfinished, 'github.com/docker/compose/v2/cmd'], {
    env: { ...process.env, CGO_ENABLED: '0' },
    timeoutMs: 900_000,
  })
  await rename(unfinished, file)
}

if (import.meta.main) process.stdout.write(`${(await obtainCompose()).file}\n`)
