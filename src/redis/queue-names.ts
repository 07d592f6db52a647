/** The queue that producers put commands on, and the name that each command is signed for. */
export const COMMAND_QUEUE = 'jobwarden-commands'

/** The queue that carries denials to the auditor. */
export const AUDIT_QUEUE = 'jobwarden-audit'

/** What both sides of a queue must share: a connection and the prefix of all keys. */
export type QueueLocation = { readonly prefix: string }
