import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startOpa } from '../devkit/start-opa.ts'
import type { Workspace } from '../devkit/workspace.ts'
import { type CollectionRow, OWNERS, USER, median } from './collection-ways.ts'
import { residentMiB } from './resident-memory.ts'

const ARTICLE_WAY = `package article

import rego.v1

allowed_documents contains document if {
	some document in data.documents
	allow_document(document)
}

allow_document(document) if document.owner == input.user.id

allow_document(document) if {
	input.user.role == "manager"
	document.department == input.user.department
}

allow_document(_) if input.user.role == "admin"
`

/** All documents inside OPA, as the article keeps them: a rule over the whole list finds those of a user. */
export async function insideOpa(documents: number, workspace: Workspace, opa: string): Promise<CollectionRow> {
  const folder = await workspace.folder('article')
  await mkdir(join(folder, 'data'))
  await writeFile(join(folder, 'article.rego'), ARTICLE_WAY)
  await writeDocuments(join(folder, 'data', 'data.json'), documents)
  const { url, server } = await startOpa({
    workspace,
    opa,
    policies: [join(folder, 'article.rego'), join(folder, 'data', 'data.json')],
    readyWithinMs: 300_000,
  })
  let rows = 0
  const ms = await median(async () => {
    const body = JSON.stringify({ input: { user: USER } })
    const response = await fetch(`${url}/v1/data/article/allowed_documents`, { method: 'POST', body })
    const answer: unknown = await response.json()
    rows = countOf(answer)
  })
  return { name: 'all documents inside OPA', ms, rows, memoryMiB: await residentMiB(server.pid ?? 0) }
}

function countOf(answer: unknown): number {
  const isResult = typeof answer === 'object' && answer !== null && 'result' in answer && Array.isArray(answer.result)
  return isResult && Array.isArray(answer.result) ? answer.result.length : 0
}

async function writeDocuments(file: string, documents: number): Promise<void> {
  const out = createWriteStream(file)
  out.write('{"documents":[')
  for (let n = 0; n < documents; n++) {
    const document = {
      id: `doc_${n}`,
      name: `Document ${n}`,
      owner: `user_${n % OWNERS}`,
      department: 'sales',
      data: 'sensitive information',
    }
    if (!out.write(`${n === 0 ? '' : ','}${JSON.stringify(document)}`)) await once(out, 'drain')
  }
  out.end(']}')
  await once(out, 'finish')
}
