import { Command } from 'commander'
import { auditKeygenCommand } from './audit-keygen.ts'

/** `jobwarden audit`: the tree of the audit trail. */
export function auditCommand(): Command {
  return new Command('audit').description('prove that the audit trail is what it was').addCommand(auditKeygenCommand())
}
