/** Every span and attribute name of jobwarden. The ledger and the trail use the same words. */
export const SPAN = {
  batch: 'jobwarden.batch',
  admit: 'jobwarden.admit',
  load: 'jobwarden.load',
  decide: 'jobwarden.decide',
  examine: 'jobwarden.examine',
  commit: 'jobwarden.commit',
  publish: 'jobwarden.publish',
  audit: 'jobwarden.audit',
  enqueue: 'jobwarden.enqueue',
} as const

export const ATTRIBUTE = {
  commandId: 'jobwarden.command.id',
  action: 'jobwarden.command.action',
  producer: 'jobwarden.command.producer',
  userId: 'jobwarden.user.id',
  resourceType: 'jobwarden.resource.type',
  resourceId: 'jobwarden.resource.id',
  outcome: 'jobwarden.outcome',
  decision: 'jobwarden.decision',
  reasons: 'jobwarden.decision.reasons',
  policyPath: 'jobwarden.policy.path',
  policyRevision: 'jobwarden.policy.revision',
  failure: 'jobwarden.failure.code',
  batchSize: 'messaging.batch.message_count',
  destination: 'messaging.destination.name',
  messageId: 'messaging.message.id',
  system: 'messaging.system',
  operation: 'messaging.operation.type',
} as const

export const TRACER_NAME = 'jobwarden'
