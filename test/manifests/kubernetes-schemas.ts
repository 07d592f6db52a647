import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '../../src/domain/failure.ts'
import { pathFolders } from '../../devkit/find-program.ts'
import { findGo } from '../../devkit/go-install.ts'
import { runProgram } from '../../src/process/run-program.ts'
import { inUnfinishedFolder } from '../../devkit/install-opa.ts'
import { TOOLS, say } from './go-tool.ts'
import { Schemas, strictSchema } from './strict-schema.ts'

const GENERATOR = join(import.meta.dirname, 'schemas')
const TIMEOUT_MS = 900_000

/**
 * A folder of strict schemas for kubeconform, made from the Go types of Kubernetes and KEDA at the versions of
 * schemas/go.mod. Kept in `.tools` until the generator or a version changes.
 * @throws Error that says what is missing
 */
export async function kubernetesSchemas(): Promise<string> {
  const place = join(TOOLS, `kubernetes-schemas-${await digest()}`)
  if (existsSync(place)) return place
  say('making schemas of Kubernetes and KEDA from their Go modules; this takes a minute or two the first time')
  try {
    await inUnfinishedFolder(TOOLS, async (folder) => {
      const made = join(folder, 'schemas')
      await mkdir(made)
      await Promise.all(
        (await generate()).map(({ file, schema }) => writeFile(join(made, file), JSON.stringify(schema))),
      )
      await rename(made, place)
    })
  } catch (error) {
    const how = 'Put go 1.26 or newer on the PATH and reach a Go module proxy.'
    throw new Error(`cannot make the schemas of Kubernetes: ${messageOf(error)}\n${how}`, { cause: error })
  }
  return place
}

async function generate() {
  const go = await findGo(pathFolders())
  const env = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=readonly' }
  const output = await runProgram(go, ['run', '.'], { cwd: GENERATOR, env, timeoutMs: TIMEOUT_MS })
  return Object.entries(Schemas.parse(JSON.parse(output))).map(([name, schema]) => strictSchema(name, schema))
}

async function digest(): Promise<string> {
  const sources = [
    ...['main.go', 'go.mod', 'go.sum'].map((file) => join(GENERATOR, file)),
    join(import.meta.dirname, 'strict-schema.ts'),
  ]
  const contents = await Promise.all(sources.map((file) => readFile(file)))
  return createHash('sha256').update(Buffer.concat(contents)).digest('hex').slice(0, 12)
}
