import { textTable } from '../../cli/output/text-table.ts'
import { type Outcome, reasonsOf } from '../../src/domain/outcome.ts'
import type { Scene } from './story.ts'

/** The cases as a table: who asked for what, what became of it, and why. */
export function casesTable(scenes: readonly Scene[], outcomes: ReadonlyMap<string, Outcome>): string {
  const rows = scenes.map(({ who, request }) => {
    const resource = 'id' in request.resource ? request.resource.id : 'resource_1..2'
    const outcome = outcomes.get(request.id)
    return [who, request.action, resource, outcome?.outcome ?? 'none', reasonOf(outcome)]
  })
  return textTable(['who', 'action', 'resource', 'outcome', 'reason'], rows).trimEnd()
}

/** How many commands ended in each outcome. */
export function countsOf(outcomes: Iterable<Outcome>): string {
  const counts = new Map<string, number>()
  for (const { outcome } of outcomes) counts.set(outcome, (counts.get(outcome) ?? 0) + 1)
  return [...counts].map(([outcome, count]) => `${count} ${outcome}`).join(', ')
}

/** How many batches a worker made, and their sizes. */
export function batchesLine(sizes: readonly number[]): string {
  const sorted = sizes.toSorted((a, b) => a - b)
  const sum = sorted.reduce((total, size) => total + size, 0)
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0
  return `${sizes.length} batches: ${(sum / sizes.length).toFixed(0)} commands on average, ${median} in the median, ${sorted.at(-1) ?? 0} at most`
}

function reasonOf(outcome: Outcome | undefined): string {
  if (outcome === undefined) return ''
  const reasons = reasonsOf(outcome)
  if (outcome.outcome !== 'executed') return reasons.map(({ code, message }) => `${code}: ${message}`).join(' ')
  return outcome.rows === undefined
    ? `${outcome.count} changed`
    : `${outcome.count} row${outcome.count === 1 ? '' : 's'}`
}
