import { FAILURES, Failure, type FailureCode, toFailure } from '../../src/domain/failure.ts'
import type { OpaClientOptions } from '../../src/pdp/opa-client.ts'
import { PEOPLE, aCommand } from './a-command.ts'
import { aBatch, openClient } from './pdp-client.ts'
import { enforce } from './recording-enforcement.ts'

/** What came of a batch and of three commands that met a PDP. */
export type Encounter = {
  /** `decision`, or the code and the disposition of a failure, each once. */
  readonly decided: readonly string[]
  readonly settled: readonly string[]
  /** The ids of commands that were recorded or published. */
  readonly recorded: readonly string[]
  readonly published: readonly string[]
  /** Messages of failures that do not say where it happened, why and what to do, in a few words. */
  readonly unclear: readonly string[]
}

/** Nothing happened, but that every job is put back with this failure. */
export function delayed(code: FailureCode): Encounter {
  const ends = [`${code} delay`]
  return { decided: ends, settled: ends, recorded: [], published: [], unclear: [] }
}

/** Puts a batch to whatever stands at the URL, then commands on one resource and on a collection by `processBatch`. */
export async function meetPdp(
  options: Partial<OpaClientOptions> & Pick<OpaClientOptions, 'url'>,
  why = /./,
): Promise<Encounter> {
  await using client = await openClient(options)
  const answers = await client.decide(aBatch(['a', 'b'])).catch(toFailure)
  const decided = answers instanceof Failure ? [answers] : [...answers.values()]
  const user = PEOPLE.admin
  const byId = [aCommand({ id: 'a', user, action: 'update' }), aCommand({ id: 'b', user, action: 'delete' })]
  const collection = [aCommand({ id: 'c', user, action: 'delete', resource: { type: 'document' } })]
  const [first, second] = [await enforce(byId, client), await enforce(collection, client)]
  return {
    decided: endsOf(decided),
    settled: endsOf([...first.settlements, ...second.settlements]),
    recorded: [...first.recorded, ...second.recorded].map(({ commandId }) => commandId),
    published: [...first.published, ...second.published].map(({ denial }) => denial.id),
    unclear: decided.flatMap((answer) => (answer instanceof Failure && !isClear(answer, why) ? [answer.message] : [])),
  }
}

function endsOf(settled: readonly unknown[]): string[] {
  const end = (each: unknown) => (each instanceof Failure ? `${each.code} ${each.disposition}` : 'decision')
  return [...new Set(settled.map(end))]
}

function isClear({ code, message }: Failure, why: RegExp): boolean {
  const where = message.includes('OPA') && message.includes('/v1/data/jobs/decisions')
  return where && why.test(message) && message.includes(FAILURES[code].remedy) && message.length < 600
}
