import { randomUUID } from 'node:crypto'
import type { DecisionRequest } from '../../src/domain/decision.ts'
import { OpaClient, type OpaClientOptions } from '../../src/pdp/opa-client.ts'
import { PEOPLE } from './a-command.ts'

type Overrides = Partial<OpaClientOptions> & Pick<OpaClientOptions, 'url'>

/** A client for tests: quick to give up, and with a circuit that stays closed unless the test is about it. */
export async function openClient(overrides: Overrides): Promise<OpaClient & AsyncDisposable> {
  const client = OpaClient.open({
    connections: 2,
    maxResponseBytes: 100_000,
    timeoutMs: 5_000,
    filterTtlMs: 2_000,
    retry: { baseMs: 1, maxMs: 4, maxRetries: 2 },
    circuit: { errorPercent: 50, minimumCalls: 1_000, resetMs: 60_000 },
    headers: () => ({}),
    onCircuitChange: () => undefined,
    ...overrides,
  })
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.close() })
}

/** The owner of a document asks to read it: what the shipped policies allow. */
export function aRequest(overrides: Partial<DecisionRequest> = {}): DecisionRequest {
  return {
    user: PEOPLE.user123,
    action: 'read',
    resource: { type: 'document', id: 'resource_1', owner: 'user_123', department: 'engineering' },
    ...overrides,
  }
}

/** A batch of these ids, or of as many random ones. */
export function aBatch(ids: readonly string[] | number, request = aRequest()): Map<string, DecisionRequest> {
  const named = typeof ids === 'number' ? Array.from({ length: ids }, () => randomUUID()) : ids
  return new Map(named.map((id) => [id, request]))
}
