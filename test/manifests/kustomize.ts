import { mkdir, writeFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { runProgram } from '../../src/process/run-program.ts'
import type { Workspace } from '../../devkit/workspace.ts'
import { goTool } from './go-tool.ts'
import { kubernetesSchemas } from './kubernetes-schemas.ts'

const K8S = resolve(import.meta.dirname, '../../k8s')

/** What is deployed as a whole, below k8s/. */
export const DEPLOYED = [
  'migrate',
  'overlays/sidecar',
  'overlays/shared-opa',
  'overlays/hybrid',
  'overlays/dev',
] as const

/** How long `fetchTools` may take where nothing was fetched before. */
export const FETCH_MS = 900_000

/** Fetches and makes what the tests of manifests need, one after the other, before the clock of a test runs. */
export async function fetchTools(): Promise<void> {
  await goTool('kustomize')
  await goTool('kubeconform')
  await kubernetesSchemas()
}

const built = new Map<string, Promise<string>>()

/** Builds a kustomization below k8s/, once. @returns its manifests @throws Error with the words of kustomize */
export async function build(folder: string): Promise<string> {
  const manifests = built.get(folder) ?? kustomize(folder)
  built.set(folder, manifests)
  return manifests
}

async function kustomize(folder: string): Promise<string> {
  return runProgram(await goTool('kustomize'), ['build', resolve(K8S, folder)])
}

/** Builds an overlay with components, as an overlay of one's own includes them. */
export async function buildWith(workspace: Workspace, overlay: string, components: readonly string[]): Promise<string> {
  const folder = await workspace.folder('overlay')
  const own = join(folder, 'own')
  await mkdir(own)
  const path = (to: string) => relative(own, resolve(K8S, to))
  const kustomization = { resources: [path(overlay)], components: components.map(path) }
  await writeFile(join(own, 'kustomization.yaml'), JSON.stringify(kustomization))
  return build(own)
}

/** Holds manifests against the schemas of Kubernetes and KEDA. @throws Error with everything that kubeconform finds */
export async function validate(workspace: Workspace, manifests: string): Promise<void> {
  const file = join(await workspace.folder('manifests'), 'manifests.yaml')
  await writeFile(file, manifests)
  const location = `${await kubernetesSchemas()}/{{ .ResourceKind }}{{ .KindSuffix }}.json`
  await runProgram(await goTool('kubeconform'), ['-strict', '-schema-location', location, file])
}
