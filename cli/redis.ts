import { writeFile } from 'node:fs/promises'
import { Command, Option } from 'commander'
import { loadConfig } from '../src/config/load-config.ts'
import type { Config } from '../src/config/settings.ts'
import { Failure, messageOf } from '../src/domain/failure.ts'
import { aclFile, aclUsers } from '../src/redis/admin/acl-file.ts'
import { TOPOLOGIES, type Topology } from '../src/redis/admin/roles.ts'
import { obtainPasswords } from './obtain-passwords.ts'
import { print } from '../src/process/terminal.ts'
import { redisCheckCommand } from './redis-check.ts'

type Flags = {
  readonly out: string
  readonly passwords: string
  readonly topology?: Topology
  readonly admin?: boolean
}

/** `jobwarden redis`: sets up the users of Redis, and looks at its settings. */
export function redisCommand(env: Readonly<Record<string, string | undefined>>): Command {
  return new Command('redis')
    .description('set up the Redis of the queues, and look at it')
    .addCommand(redisCheckCommand(env))
    .addCommand(
      new Command('acl')
        .description('write an ACL file: a user for each role, with the commands and keys that it needs')
        .requiredOption('--out <file>', 'the ACL file to write, for `aclfile` in redis.conf')
        .requiredOption(
          '--passwords <folder>',
          'folder with a file <user>.password for each user; a missing file is created with a new password',
        )
        .addOption(
          new Option('--topology <kind>', 'how Redis is deployed (default: as JOBWARDEN_REDIS_* says)').choices(
            TOPOLOGIES,
          ),
        )
        .option('--admin', 'add a user "admin" who may do everything')
        .addHelpText(
          'after',
          `
The keys are those of JOBWARDEN_QUEUE_PREFIX. The file holds hashes of the passwords. Writing it again keeps the
passwords in the folder; ACL LOAD makes a running Redis read it.`,
        )
        .action(async (flags: Flags) => {
          await writeAcl(loadConfig(env), flags)
        }),
    )
}

async function writeAcl(config: Config, { out, passwords: folder, topology, admin = false }: Flags): Promise<void> {
  const options = { prefix: config.queuePrefix, topology: topology ?? topologyOf(config), admin }
  const passwords = await obtainPasswords(folder, aclUsers(options))
  const passwordOf = (user: string) => passwords.get(user)?.password ?? ''
  try {
    await writeFile(out, aclFile(options, passwordOf))
  } catch (error) {
    throw new Failure('JW_CONFIG_INVALID', `--out ${out}: ${messageOf(error)}`, { cause: error })
  }
  for (const { file, isNew } of passwords.values()) if (isNew) print(`wrote ${file}\n`)
  print(`wrote ${out}: ${[...passwords.keys()].join(', ')}\n`)
}

function topologyOf({ redisCluster, redisSentinels }: Config): Topology {
  if (redisCluster !== undefined) return 'cluster'
  return redisSentinels === undefined ? 'single' : 'sentinel'
}
