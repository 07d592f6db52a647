import { posix } from 'node:path'
import {
  BANNED_NAMES,
  DOMAIN_PACKAGES,
  LAYERS,
  type Layer,
  MAX_LINES,
  QUARANTINE,
  READS_ENVIRONMENT,
} from './layers.ts'

/** The sources of the product: path from the root of the repository, and text. */
export type Sources = ReadonlyMap<string, string>

/** Everything in the sources that breaks the rules, each with its file and what to do about it. */
export function violations(sources: Sources): string[] {
  return [...forbiddenImports(sources), ...cycles(sources), ...environmentReads(sources), ...shapes(sources)]
}

export function layerOf(file: string): Layer | undefined {
  return LAYERS.find(({ places }) => places.some((place) => within(file, place)))
}

function within(file: string, place: string): boolean {
  return place.endsWith('/') ? file.startsWith(place) : file === place
}

type Import = { readonly file: string; readonly target: string; readonly local: boolean }

/** Static and literal dynamic imports and re-exports. The sources are formatted, so a pattern finds them all. */
function importsOf(file: string, text: string): Import[] {
  const pattern = /(?:^|\n)(?:import|export)[^'"`;]*?from '([^']+)'|(?:^|\n)import '([^']+)'|import\('([^']+)'\)/g
  return [...text.matchAll(pattern)].map((match) => {
    const specifier = match[1] ?? match[2] ?? match[3] ?? ''
    const local = specifier.startsWith('.')
    return { file, local, target: local ? posix.join(posix.dirname(file), specifier) : specifier }
  })
}

function forbiddenImports(sources: Sources): string[] {
  return [...sources].flatMap(([file, text]) => {
    const layer = layerOf(file)
    if (layer === undefined) return [`${file}: belongs to no layer; move it into one, or name its layer`]
    return importsOf(file, text).flatMap((each) => forbidden(each, layer) ?? [])
  })
}

function forbidden({ file, target, local }: Import, layer: Layer): string | undefined {
  if (local) {
    const allowed = [...layer.places, ...layer.mayImport].some((place) => within(target, place))
    return allowed ? undefined : `${file}: ${layer.name} may not import ${target}`
  }
  if (target.startsWith('node:')) return undefined
  const name = target.split('/', target.startsWith('@') ? 2 : 1).join('/')
  const keepers = QUARANTINE[name]
  if (keepers !== undefined && !keepers.some((place) => within(file, place)))
    return `${file}: only ${keepers.join(', ')} may import ${name}`
  if (layer.name === 'domain' && !DOMAIN_PACKAGES.includes(name)) return `${file}: the domain may not import ${name}`
  return undefined
}

function cycles(sources: Sources): string[] {
  const edges = new Map([...sources].map(([file, text]) => [file, importsOf(file, text).filter(({ local }) => local)]))
  const done = new Set<string>()
  const found: string[] = []
  const visit = (file: string, path: readonly string[]) => {
    const start = path.indexOf(file)
    if (start >= 0) found.push(`import cycle: ${[...path.slice(start), file].join(' -> ')}`)
    if (start >= 0 || done.has(file)) return
    for (const { target } of edges.get(file) ?? []) visit(target, [...path, file])
    done.add(file)
  }
  for (const file of sources.keys()) visit(file, [])
  return found
}

function environmentReads(sources: Sources): string[] {
  return [...sources].flatMap(([file, text]) =>
    text.includes('process.env') && !READS_ENVIRONMENT.some((place) => within(file, place))
      ? [`${file}: reads the environment; only composition roots may, and pass the configuration on`]
      : [],
  )
}

function shapes(sources: Sources): string[] {
  return [...sources].flatMap(([file, text]) => {
    const lines = text.split('\n').length
    return [
      ...(BANNED_NAMES.test(file) ? [`${file}: its name says nothing about what is in it`] : []),
      ...(lines > MAX_LINES ? [`${file}: has ${lines} lines; a file is one idea, at most ${MAX_LINES}`] : []),
    ]
  })
}
