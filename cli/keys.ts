import { Command } from 'commander'
import { keysAddCommand } from './keys-add.ts'
import { keysListCommand } from './keys-list.ts'
import { keysMakeCommand } from './keys-make.ts'
import { keysRetireCommand } from './keys-retire.ts'
import { keysRotateCommand } from './keys-rotate.ts'

/** `jobwarden keys`: from a producer's first key to the end of its last. */
export function keysCommand(): Command {
  return new Command('keys')
    .description("make producer keys, and say in the workers' file what each producer may do")
    .addCommand(keysMakeCommand())
    .addCommand(keysAddCommand())
    .addCommand(keysRotateCommand())
    .addCommand(keysRetireCommand())
    .addCommand(keysListCommand())
}
