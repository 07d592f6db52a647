import { readFile } from 'node:fs/promises'
import { extname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { z } from 'zod'
import { Failure, detailOf } from '../domain/failure.ts'
import { COLUMN_KINDS } from '../domain/column-kind.ts'
import { declareResourceTypes } from '../domain/declare-resource-types.ts'
import type { ResourceType, ResourceTypes } from '../domain/resource-type.ts'
import { PatchColumns, patchOf } from '../resource-types/patch-columns.ts'
import { resourceTypes } from '../resource-types/registry.ts'
import { problemsIn } from './read-setting-file.ts'

const Table = z.templateLiteral([z.string().min(1), '.', z.string().min(1)])
const common = {
  name: z.string(),
  table: Table,
  key: z.string(),
  guard: z.string().optional(),
  columns: z.record(z.string(), z.enum(COLUMN_KINDS)),
  attributes: z.union([z.array(z.string()), z.record(z.string(), z.string())]),
}

/** What a module exports: declarations as in TypeScript. */
const Module = z.array(z.strictObject({ ...common, patch: z.instanceof(z.ZodObject) })).min(1)

/** What a JSON file holds: a patch is told by its columns. */
const Json = z.strictObject({ types: z.array(z.strictObject({ ...common, patch: PatchColumns })).min(1) })

/**
 * The resource types that a file declares: JSON, or a module whose default export is a list of declarations. Without a file,
 * those that jobwarden ships.
 * @throws Failure JW_CONFIG_INVALID that names the file and everything in it that is wrong
 */
export async function readResourceTypes(file: string | undefined): Promise<ResourceTypes> {
  if (file === undefined) return resourceTypes
  try {
    return declareResourceTypes(extname(file) === '.json' ? await fromJson(file) : await fromModule(file))
  } catch (error) {
    const why = error instanceof z.ZodError ? problemsIn(error) : detailOf(error)
    throw new Failure('JW_CONFIG_INVALID', `JOBWARDEN_RESOURCES ${file}:\n  ${why}`, { cause: error })
  }
}

async function fromJson(file: string): Promise<ResourceType[]> {
  const { types } = Json.parse(JSON.parse(await readFile(file, 'utf8')))
  return types.map(({ patch, ...type }) => ({ ...type, patch: patchOf(type.columns, patch) }))
}

async function fromModule(file: string): Promise<ResourceType[]> {
  const loaded: unknown = await import(pathToFileURL(resolve(file)).href)
  return z.object({ default: Module }, 'the module exports nothing').parse(loaded).default
}
