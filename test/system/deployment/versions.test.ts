import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { OPA_VERSION } from '../../../src/policy-tools/opa-version.ts'
import { IMAGES } from '../../support/containers.ts'

const Package = z.object({ version: z.string(), devDependencies: z.record(z.string(), z.string()) })

const read = (file: string) => readFile(file, 'utf8')

/** The images that a file names, by their name without the tag. */
function tagsOf(text: string, name: string): string[] {
  return [...text.matchAll(new RegExp(`(?<![/\\w-])${name}:([\\w.-]+)`, 'g'))].map(([, tag = '']) => tag)
}

async function manifests(): Promise<string> {
  const entries = await readdir('k8s', { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return (await Promise.all(files.map(read))).join('\n')
}

test('the same Node runs everywhere', async () => {
  const { devDependencies } = Package.parse(JSON.parse(await read('package.json')))
  const major = devDependencies['node']?.split('.')[0]
  expect((await read('.nvmrc')).trim().split('.')[0]).toBe(major)
  expect(new Set(tagsOf(await read('Dockerfile'), 'node'))).toEqual(new Set([`${major}-bookworm-slim`]))
})

test('the same OPA is fetched, built in, beside workers and in tests', async () => {
  const tag = `${OPA_VERSION}-static`
  for (const text of [await read('Dockerfile'), await read('docker-compose.yml'), Object.values(IMAGES).join(' ')])
    expect(new Set(tagsOf(text, 'openpolicyagent/opa'))).toEqual(new Set([tag]))
  expect(await manifests()).toContain(OPA_VERSION)
})

test.each(['redis', 'postgres'] as const)('the same %s is in Compose, in tests and the fallback', async (name) => {
  const { [name]: image } = IMAGES
  const [, tag] = image.split(':')
  for (const file of ['docker-compose.yml', `devkit/start-${name}.ts`])
    expect({ file, tags: [...new Set(tagsOf(await read(file), name))] }).toEqual({ file, tags: [tag] })
})

test('the image bears the version of the package', async () => {
  const { version } = Package.parse(JSON.parse(await read('package.json')))
  expect(new Set(tagsOf(await read('docker-compose.yml'), 'jobwarden'))).toEqual(new Set([version]))
  expect(await manifests()).toContain(version)
})
