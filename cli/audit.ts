import { Command } from 'commander'
import { auditCheckpointCommand } from './audit-checkpoint.ts'
import { auditConsistencyCommand } from './audit-consistency.ts'
import { auditEraseCommand } from './audit-erase.ts'
import { auditKeygenCommand } from './audit-keygen.ts'
import { auditProveCommand } from './audit-prove.ts'
import { auditVerifyCommand } from './audit-verify.ts'
import { auditVerifyProofCommand } from './audit-verify-proof.ts'

/** `jobwarden audit`: the tree of the audit trail. */
export function auditCommand(env: Readonly<Record<string, string | undefined>>): Command {
  return new Command('audit')
    .description('prove that the audit trail is what it was')
    .addCommand(auditKeygenCommand())
    .addCommand(auditVerifyCommand(env))
    .addCommand(auditProveCommand(env))
    .addCommand(auditVerifyProofCommand())
    .addCommand(auditCheckpointCommand(env))
    .addCommand(auditConsistencyCommand(env))
    .addCommand(auditEraseCommand(env))
}
