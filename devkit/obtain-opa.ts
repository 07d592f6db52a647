import { existsSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import { messageOf } from '../src/domain/failure.ts'
import { downloadOpa } from './download-opa.ts'
import { findPrograms, pathFolders } from './find-program.ts'
import { goInstallOpa } from './go-install.ts'
import { type FoundOpa, opaInTools } from './install-opa.ts'
import { OPA_VERSION, requireOpa } from '../src/policy-tools/opa-version.ts'

/** Where the ways of obtaining OPA look. */
export type OpaSearch = {
  readonly say: (line: string) => void
  /** The folder where a fetched OPA is kept for the next time. */
  readonly tools: string
  /** The folders in which programs are searched. */
  readonly folders: readonly string[]
}

/** One way of obtaining OPA. It rejects with the reason when it finds none. */
export type OpaWay = { readonly name: string; readonly obtain: (search: OpaSearch) => Promise<FoundOpa> }

/** `source` is the name of the way that found it. */
export type Opa = FoundOpa & { readonly source: string }

/** The ways, the quickest first. */
export const OPA_WAYS: readonly OpaWay[] = [
  { name: 'PATH', obtain: opaOnPath },
  { name: '.tools', obtain: opaFetchedEarlier },
  { name: 'download', obtain: downloadOpa },
  { name: 'go install', obtain: goInstallOpa },
]

export type ObtainOptions = Partial<OpaSearch> & { readonly ways?: readonly OpaWay[] }

/**
 * Finds an OPA that is new enough, or fetches one into `.tools`. When a way fails, the next one is tried.
 * @throws Error that lists why each way failed, and what to do
 */
export async function obtainOpa({ ways = OPA_WAYS, ...search }: ObtainOptions = {}): Promise<Opa> {
  const { say = () => {}, folders = pathFolders() } = search
  const tools = search.tools ?? resolve(import.meta.dirname, '../.tools')
  const failed: string[] = []
  for (const { name, obtain } of ways) {
    try {
      const { path, version } = await obtain({ say, tools, folders })
      say(`OPA ${version} from ${name}: ${path}`)
      return { path, version, source: name }
    } catch (error) {
      const reason = `${name}: ${messageOf(error)}`
      say(`no OPA by ${reason}`)
      failed.push(reason)
    }
  }
  const tried = failed.map((reason) => `- ${reason.replaceAll('\n', '\n  ')}`).join('\n')
  throw new Error(
    `cannot obtain OPA ${OPA_VERSION} or newer:\n${tried}\n` +
      `Put an opa that is new enough on the PATH (https://www.openpolicyagent.org/docs/#running-opa), ` +
      `or save one as ${relative(process.cwd(), opaInTools(tools))}.`,
  )
}

async function opaOnPath({ folders }: OpaSearch): Promise<FoundOpa> {
  const reasons: string[] = []
  for (const path of await findPrograms('opa', folders)) {
    try {
      return { path, version: await requireOpa(path) }
    } catch (error) {
      reasons.push(messageOf(error))
    }
  }
  throw new Error(reasons.join('; ') || 'there is no opa')
}

async function opaFetchedEarlier({ tools }: OpaSearch): Promise<FoundOpa> {
  const path = opaInTools(tools)
  if (!existsSync(path)) throw new Error(`${path} does not exist`)
  return { path, version: await requireOpa(path) }
}
