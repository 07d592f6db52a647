// Tries what docs/access.md says of OPA, in the network of the worker's pod, with the worker's token and with none. The test
// hands it to a Node in the worker's container.
import { readFileSync } from 'node:fs'

const json = { 'content-type': 'application/json' }
const OPERATIONS: Readonly<Record<string, readonly [path: string, init: RequestInit]>> = {
  'ask for decisions': [
    '/v1/data/jobs/decisions?strict-builtin-errors=true',
    { method: 'POST', headers: json, body: JSON.stringify({ input: { requests: {} } }) },
  ],
  'ask for filters': [
    '/v1/compile',
    {
      method: 'POST',
      headers: json,
      body: JSON.stringify({
        query: 'data.jobs.permit == true',
        input: { user: { id: 'tried', role: 'user' }, action: 'read', resource: { type: 'document' } },
        unknowns: ['input.resource.owner'],
      }),
    },
  ],
  'ask anything else': ['/v1/query', { method: 'POST', headers: json, body: JSON.stringify({ query: 'data' }) }],
  'read policies': ['/v1/policies', {}],
  'read data': ['/v1/data', {}],
  'write policies': ['/v1/policies/tried', { method: 'PUT', body: 'package tried' }],
}
const authorization = `Bearer ${readFileSync('/secrets/opa-token', 'utf8').trim()}`

const rows: Record<string, Record<string, 'yes' | 'no'>> = {}
for (const [operation, [path, init]] of Object.entries(OPERATIONS)) {
  const row: Record<string, 'yes' | 'no'> = {}
  for (const [role, credentials] of Object.entries({ worker: { authorization }, nobody: {} })) {
    const response = await fetch(`http://127.0.0.1:8181${path}`, {
      ...init,
      headers: { ...Object.fromEntries(new Headers(init.headers)), ...credentials },
    })
    const body = await response.text() // One that is not read keeps its connection, and this process.
    if (response.status !== 200 && response.status !== 401) throw new Error(`${operation}: ${response.status} ${body}`)
    row[role] = response.status === 200 ? 'yes' : 'no'
  }
  rows[operation] = row
}
process.stdout.write(JSON.stringify(rows))
