import { opaOptions } from '../src/config/adapter-options.ts'
import { loadConfig } from '../src/config/load-config.ts'
import type { DecisionRequest } from '../src/domain/decision.ts'
import { OpaClient } from '../src/pdp/opa-client.ts'

/** The cost of one decision if this many are in one query: the time from the client's call to its answer, for each. */
export type DecisionCost = { readonly batch: number; readonly microsPerDecision: number }

const BATCHES = [1, 10, 100, 300] as const

/** Enough for small batches to be warm, and for large ones to repeat. */
const DECISIONS = 12_000

/** Asks a real OPA for decisions in batches of several sizes, one batch at a time, a tenth of them denials. */
export async function measureDecisions(opaUrl: string): Promise<DecisionCost[]> {
  const config = loadConfig({ JOBWARDEN_OPA_URL: opaUrl, JOBWARDEN_OPA_TIMEOUT_MS: '5000' })
  const pdp = OpaClient.open({ ...opaOptions(config), headers: () => ({}), onCircuitChange: () => undefined })
  try {
    await ask(pdp, 100, 2_000)
    const costs: DecisionCost[] = []
    for (const batch of BATCHES) costs.push({ batch, microsPerDecision: await ask(pdp, batch, DECISIONS) })
    return costs
  } finally {
    await pdp.close()
  }
}

/** The median over the queries: other work on this machine only spoils some of them. */
async function ask(pdp: OpaClient, batch: number, decisions: number): Promise<number> {
  const costs: number[] = []
  for (let asked = 0; asked < decisions; asked += batch) {
    const requests = new Map(Array.from({ length: batch }, (_, index) => [`c${asked + index}`, request(asked + index)]))
    const started = performance.now()
    await pdp.decide(requests)
    costs.push(((performance.now() - started) * 1_000) / batch)
  }
  const sorted = costs.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

function request(index: number): DecisionRequest {
  const owner = `user_${index % 100}`
  const user = { id: index % 10 === 0 ? 'somebody' : owner, role: 'user', department: 'engineering' }
  return { user, action: 'read', resource: { type: 'document', id: `doc_${index}`, owner, department: 'engineering' } }
}

/** The costs as lines for people, and whether a decision in the largest batch costs more than in one of ten. */
export function decisionLines(costs: readonly DecisionCost[]): string[] {
  const cost = new Map(costs.map(({ batch, microsPerDecision }) => [batch, microsPerDecision]))
  const growth = (cost.get(300) ?? Number.NaN) / (cost.get(10) ?? Number.NaN)
  return [
    'decisions in one query  µs each',
    ...costs.map(
      ({ batch, microsPerDecision }) => `${String(batch).padStart(22)}  ${microsPerDecision.toFixed(0).padStart(7)}`,
    ),
    `a decision in a batch of 300 costs no more than in one of 10: ${growth <= 1 ? 'yes' : 'NO'}, ${growth.toFixed(2)} of it`,
  ]
}
