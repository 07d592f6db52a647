import type { CommandRequest } from '../../src/producer/producer.ts'

/** One of the article's cases. */
export type Scene = { readonly who: string; readonly request: CommandRequest & { readonly id: string } }

export const PEOPLE = {
  user_123: { id: 'user_123', role: 'user', department: 'engineering' },
  user_456: { id: 'user_456', role: 'user', department: 'sales' },
  admin: { id: 'admin', role: 'admin' },
  'manager of engineering': { id: 'mgr_engineering', role: 'manager', department: 'engineering' },
  'manager of sales': { id: 'mgr_sales', role: 'manager', department: 'sales' },
  guest: { id: 'guest', role: 'guest' },
} as const
type Who = keyof typeof PEOPLE

const document = (id: string) => ({ type: 'document', id })

/** The article's cases, with ids that differ from those of other runs on the same database. */
export function scenes(run: string): Scene[] {
  const asked: readonly (readonly [Who, 'read' | 'update' | 'delete', string])[] = [
    ['user_123', 'read', 'resource_1'],
    ['user_123', 'read', 'resource_2'],
    ['user_123', 'update', 'resource_1'],
    ['user_456', 'read', 'resource_2'],
    ['user_456', 'update', 'resource_1'],
    ['user_456', 'delete', 'resource_2'],
    ['manager of engineering', 'read', 'resource_1'],
    ['manager of engineering', 'update', 'resource_3'],
    ['manager of sales', 'read', 'resource_1'],
    ['manager of sales', 'read', 'resource_2'],
    ['guest', 'read', 'resource_3'],
    ['admin', 'update', 'resource_2'],
    ['admin', 'read', 'resource_9'],
    ['guest', 'read', 'resource_9'],
    ['admin', 'delete', 'resource_3'],
  ]
  const byId = asked.map(([who, action, resource], index): Scene => {
    const common = { id: `demo-${run}-case-${index + 1}`, user: PEOPLE[who], resource: document(resource) }
    return action === 'update'
      ? { who, request: { ...common, action, patch: { name: `updated by ${who}` } } }
      : { who, request: { ...common, action } }
  })
  return [...byId, ...collectionScenes(run)]
}

/** Commands on a collection: each user gets the rows that the policies let that user act on. */
function collectionScenes(run: string): Scene[] {
  const two = { type: 'document', where: { id: ['resource_1', 'resource_2'] } }
  const who: readonly Who[] = ['user_456', 'manager of engineering', 'guest']
  const reads = who.map((reader, index): Scene => {
    const id = `demo-${run}-collection-${index + 1}`
    return { who: reader, request: { id, user: PEOPLE[reader], action: 'read', resource: two } }
  })
  const id = `demo-${run}-collection-${who.length + 1}`
  return [...reads, { who: 'guest', request: { id, user: PEOPLE.guest, action: 'delete', resource: two } }]
}

/** Many commands of the same people on this many documents: two thirds are reads, one third updates. */
export function mixedCommands(run: string, count: number, documents: number): (CommandRequest & { id: string })[] {
  const people = Object.values(PEOPLE)
  return Array.from({ length: count }, (_, index) => {
    const user = people[index % people.length] ?? PEOPLE.guest
    const resource = document(`demo_${(index * 7) % documents}`)
    const common = { id: `demo-${run}-${index + 1}`, user, resource }
    return index % 3 === 0
      ? { ...common, action: 'update', patch: { name: `name ${index}` } }
      : { ...common, action: 'read' }
  })
}
