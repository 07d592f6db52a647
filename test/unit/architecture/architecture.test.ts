import { glob, readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { FAILURES } from '../../../src/domain/failure.ts'
import { LAYERS } from '../../../scripts/architecture/layers.ts'
import { layerOf, violations } from '../../../scripts/architecture/violations.ts'

async function productSources(): Promise<Map<string, string>> {
  const sources = new Map<string, string>()
  for await (const file of glob('{src,exports,workers,cli,devkit,scripts,bench}/**/*.ts'))
    sources.set(file, await readFile(file, 'utf8'))
  return sources
}

describe('the architecture', () => {
  test('the sources keep to the layers', async () => {
    expect(violations(await productSources())).toEqual([])
  })

  test('every layer has files, so that no rule holds for nothing', async () => {
    const files = [...(await productSources()).keys()]
    const empty = LAYERS.filter((layer) => !files.some((file) => layerOf(file) === layer))
    expect(empty.map(({ name }) => name)).toEqual([])
  })

  test('every failure code has a thrower', async () => {
    const text = [...(await productSources())]
      .filter(([file]) => file !== 'src/domain/failure.ts')
      .map(([, source]) => source)
      .join('\n')
    const thrown = (code: string) => text.includes(`'${code}'`) || code === 'JW_UNEXPECTED'
    expect(Object.keys(FAILURES).filter((code) => !thrown(code))).toEqual([])
  })
})

describe('the rules can fail', () => {
  const faults: readonly (readonly [string, string, string, RegExp])[] = [
    [
      'the domain imports a port',
      'src/domain/x.ts',
      "import type { Pdp } from '../enforcement/ports/decision-point.ts'",
      /domain may not import/,
    ],
    ['the domain imports a package', 'src/domain/x.ts', "import { pino } from 'pino'", /only src\/telemetry/],
    ['the enforcement imports a vendor', 'src/enforcement/x.ts', "import { Queue } from 'bullmq'", /only src\/queue/],
    [
      'a worker makes a server of its own',
      'workers/x.ts',
      "import { fastify } from 'fastify'",
      /only src\/http\/, src\/bundles\/server\/ may import fastify/,
    ],
    [
      'an adapter imports another adapter',
      'src/storage/x.ts',
      "import {\n  consume,\n} from '../queue/consume.ts'",
      /storage adapter may not import src\/queue\/consume.ts/,
    ],
    ['an adapter imports the heart', 'src/pdp/x.ts', "import '../enforcement/decide.ts'", /pdp adapter may not import/],
    [
      'a server imports the devkit',
      'workers/x.ts',
      "import '../devkit/obtain-opa.ts'",
      /workers may not import devkit/,
    ],
    ['the product imports the devkit', 'src/pdp/x.ts', "import '../../devkit/start-opa.ts'", /may not import devkit/],
    ['an import is dynamic', 'src/audit/x.ts', "await import('../pdp/opa-client.ts')", /audit may not import/],
    ['a layer reads the environment', 'src/pdp/x.ts', 'const url = process.env.URL', /reads the environment/],
    ['a file has a name for anything', 'src/queue/utils.ts', '', /its name says nothing/],
    ['a file is barrel', 'src/queue/index.ts', "export * from './names.ts'", /its name says nothing/],
    ['a file is in no layer', 'src/elsewhere/x.ts', '', /belongs to no layer/],
    ['a file is too long', 'src/queue/x.ts', '\n'.repeat(400), /one idea/],
  ]
  test.each(faults)('when %s', (_what, file, text, complaint) => {
    expect(violations(new Map([[file, text]]))).toEqual([expect.stringMatching(complaint)])
  })

  test('when files import each other in a circle', () => {
    const circle = new Map([
      ['src/pdp/a.ts', "import { b } from './b.ts'\n"],
      ['src/pdp/b.ts', "import { c } from './c.ts'\n"],
      ['src/pdp/c.ts', "import type { a } from './a.ts'\n"],
    ])
    expect(violations(circle)).toEqual([expect.stringMatching(/import cycle: src\/pdp\/a.ts -> .* -> src\/pdp\/a.ts/)])
  })
})
