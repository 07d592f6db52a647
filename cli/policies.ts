import { Command } from 'commander'
import { policiesBuildCommand } from './policies-build.ts'
import { policiesHistoryCommand } from './policies-history.ts'
import { policiesKeygenCommand } from './policies-keygen.ts'
import { policiesPushCommand } from './policies-push.ts'
import { policiesSignCommand } from './policies-sign.ts'
import { policiesStatusCommand } from './policies-status.ts'

/** `jobwarden policies`: the way from a folder of policies to what sidecars run. */
export function policiesCommand(env: Readonly<Record<string, string | undefined>>): Command {
  return new Command('policies')
    .description('build, sign and push bundles of policies, and see what sidecars run')
    .addCommand(policiesKeygenCommand())
    .addCommand(policiesBuildCommand(env))
    .addCommand(policiesSignCommand())
    .addCommand(policiesPushCommand(env))
    .addCommand(policiesStatusCommand(env))
    .addCommand(policiesHistoryCommand(env))
}
