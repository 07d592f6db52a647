import { existsSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { pathFolders } from '../../devkit/find-program.ts'
import { goInstall } from '../../devkit/go-install.ts'
import { inUnfinishedFolder } from '../../devkit/install-opa.ts'
import { messageOf } from '../../src/domain/failure.ts'

/** Where fetched programs and schemas are kept. */
export const TOOLS = resolve(import.meta.dirname, '../../.tools')

// Not taken from the PATH: a kubeconform that Go compiled does not know its version.
const GO_TOOLS = {
  kustomize: { package: 'sigs.k8s.io/kustomize/kustomize/v5', version: '5.7.1' },
  kubeconform: { package: 'github.com/yannh/kubeconform/cmd/kubeconform', version: '0.7.0' },
} as const

/** Finds a program in `.tools`, or compiles it into there. @throws Error that says how to get it */
export async function goTool(name: keyof typeof GO_TOOLS): Promise<string> {
  const tool = GO_TOOLS[name]
  const place = join(TOOLS, `${name}-${tool.version}`)
  if (existsSync(place)) return place
  const source = `${tool.package}@v${tool.version}`
  try {
    return await inUnfinishedFolder(TOOLS, async (folder) => {
      await rename(await goInstall({ name, package: source, folder, say, folders: pathFolders() }), place)
      return place
    })
  } catch (error) {
    const how = `Put go on the PATH and reach a Go module proxy, or save ${name} ${tool.version} as ${place}.`
    throw new Error(`cannot get ${source}: ${messageOf(error)}\n${how}`, { cause: error })
  }
}

/** Tells who runs the tests what takes long. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`)
}
