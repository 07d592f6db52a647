import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Workspace } from '../../devkit/workspace.ts'
import { type KubernetesObject, containerOf, environmentOf, ofKind, workloads } from './objects.ts'

/** What a Secret or a ConfigMap that the manifests do not hold would hold: files by its name. */
export type Provided = Readonly<Record<string, Readonly<Record<string, string>>>>

/** A container as a kubelet would run it, but in folders of a workspace. */
export type Mounted = {
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Where a path of the container is in the workspace. */
  readonly file: (path: string) => string
}

/**
 * Lays the volumes of a container out as a kubelet does, each as a folder of links into `..data`, and names them in its
 * arguments and its environment instead of those of the container.
 * @throws Error when neither the manifests nor `provided` hold a file that is mounted
 */
export async function mountContainer(
  workspace: Workspace,
  objects: readonly KubernetesObject[],
  where: { readonly workload: string; readonly container: string },
  provided: Provided,
): Promise<Mounted> {
  const root = await workspace.folder('container')
  const container = containerOf(objects, where.workload, where.container)
  const volumes = workloads(objects).find((each) => each.name === where.workload)?.template.spec.volumes ?? []
  for (const { name: mounted, mountPath } of container.volumeMounts) {
    const volume = volumes.find((each) => each.name === mounted)
    const source = volume?.secret?.secretName ?? volume?.configMap?.name
    if (source === undefined) continue
    const held = ofKind(objects, 'ConfigMap').find(({ metadata }) => metadata.name === source)?.data
    const files = held ?? provided[source] ?? {}
    const items =
      volume?.secret?.items ?? volume?.configMap?.items ?? Object.keys(files).map((key) => ({ key, path: key }))
    await layOut(join(root, mountPath), items, files, source)
  }
  // In one pass: the workspace itself is below /tmp, which may be a mount as well.
  const mounts = new RegExp(
    `(?<![\\w/])(?:${container.volumeMounts.map(({ mountPath }) => mountPath).join('|')})/`,
    'g',
  )
  const moved = (text: string) => text.replaceAll(mounts, (path) => join(root, path))
  const env = Object.fromEntries(
    Object.entries(environmentOf(container, objects)).map(([name, value]) => [name, moved(value)]),
  )
  const expanded = (arg: string) => arg.replaceAll(/\$\((\w+)\)/g, (whole, name: string) => env[name] ?? whole)
  return { args: container.args.map((arg) => moved(expanded(arg))), env, file: (path) => join(root, path) }
}

async function layOut(
  folder: string,
  items: readonly { key: string; path: string }[],
  files: Readonly<Record<string, string>>,
  source: string,
): Promise<void> {
  const version = '..2026_11_24_12_00_00'
  await mkdir(join(folder, version), { recursive: true })
  await symlink(version, join(folder, '..data'))
  for (const { key, path } of items) {
    const content = files[key]
    if (content === undefined) throw new Error(`${source} has no ${key}`)
    await mkdir(dirname(join(folder, version, path)), { recursive: true })
    await writeFile(join(folder, version, path), content)
    await symlink(join('..data', path), join(folder, path))
  }
}
