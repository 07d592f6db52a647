import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { z } from 'zod'
import { type CliResult, runCli } from './run-cli.ts'
import { type Stack, startStack } from './stack.ts'

/**
 * The schema of a shop that knows nothing of jobwarden: mixed-case names, UUIDs and numbers as keys, decimals, lists,
 * documents and moments; an order has no version, a subscription counts its changes in a column of its own.
 */
const SHOP = [
  'create schema shop',
  "create type shop.mood as enum ('glad', 'sad')",
  'create domain shop.email as varchar(80)',
  `create table shop."Orders" (
    "orderId" uuid primary key, owner_id varchar(40) not null, department text, total numeric(10, 2) not null,
    tags text[] not null default '{}', meta jsonb, mood shop.mood, placed_at timestamptz not null default now(),
    due date, paid boolean not null default false, note varchar(20), contact shop.email, raw bytea,
    "unit price" numeric, type text, total_with_tax numeric generated always as (total * 1.19) stored)`,
  `create table shop.subscriptions (
    no bigint primary key, owner text not null, seats smallint not null check (seats > 0), plan text unique,
    lock_version integer not null default 0)`,
  'create table shop.lines (line integer primary key, order_id uuid references shop."Orders")',
  'create table shop.pairs (a text, b text, primary key (a, b))',
  'create table shop.counters (n integer primary key, owner text, hits integer not null default 0)',
  'create index on shop."Orders" (owner_id)',
] as const

const Drafts = z.object({ types: z.tuple([z.looseObject({ attributes: z.array(z.string()) })]) })
const Finding = z.object({
  type: z.string(),
  severity: z.enum(['fault', 'advice']),
  what: z.string(),
  remedy: z.string(),
})

/** Real servers, the shop's schema on them, and the command line that looks at it. */
export type Shop = Awaited<ReturnType<typeof openShop>>

export async function openShop() {
  const stack: Stack = await startStack()
  for (const statement of SHOP) await sql.raw(statement).execute(stack.owner)
  const env = stack.env()

  const resources = (...args: readonly string[]): Promise<CliResult> =>
    runCli('cli/jobwarden.ts', ['resources', ...args], { env })

  /** The draft of a declaration, and what the command says of it. */
  async function introspect(...args: readonly string[]) {
    const { status, stdout, stderr } = await resources('introspect', ...args)
    if (status !== 0) throw new Error(stderr)
    return { draft: Drafts.parse(JSON.parse(stdout)).types[0], notes: stderr }
  }

  /** What the check says of these declarations, its exit status, and the file that has them. */
  async function check(types: readonly unknown[]) {
    const file = join(stack.workspace.path, `${randomUUID()}.json`)
    await writeFile(file, JSON.stringify({ types }))
    const { status, stdout } = await runCli('cli/jobwarden.ts', ['resources', 'check', '--json'], {
      env: { ...env, JOBWARDEN_RESOURCES: file },
    })
    const lines = stdout.split('\n').filter((line) => line !== '')
    return { status, file, findings: lines.map((line) => Finding.parse(JSON.parse(line))) }
  }

  return { stack, env, resources, introspect, check, close: () => stack.close() }
}
