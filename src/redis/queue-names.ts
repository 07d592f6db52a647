/** The queue that producers put commands on, and the name that each command is signed for. */
export const COMMAND_QUEUE = 'jobwarden-commands'

/** The queue that carries denials to the auditor. */
export const AUDIT_QUEUE = 'jobwarden-audit'
