import { type Kysely, sql } from 'kysely'
import { z } from 'zod'
import type { ResourceType } from '../../src/domain/resource-type.ts'

const MAX_INTEGER = 2_147_483_647

/** The second resource type of docs/resource-types.md, with a column of every kind in what policies see and in patches. */
export const invoice: ResourceType = {
  name: 'invoice',
  table: 'resources.invoices',
  key: 'invoice_no',
  columns: {
    invoice_no: 'text',
    owner: 'text',
    department: 'text',
    amount_cents: 'bigint',
    days_overdue: 'integer',
    paid: 'boolean',
    note: 'text',
    fee_cents: 'bigint',
    reminders: 'integer',
    disputed: 'boolean',
  },
  attributes: ['owner', 'department', 'amount_cents', 'days_overdue', 'paid'],
  patch: z.strictObject({
    note: z.string().max(1024).nullable().optional(),
    fee_cents: z
      .string()
      .regex(/^\d{1,18}$/)
      .optional(),
    reminders: z.int().min(0).max(MAX_INTEGER).optional(),
    disputed: z.boolean().optional(),
  }),
}

/** Its migration: the table with a text key and a version, and the authorizer's grants. */
export const invoices = {
  async up(db: Kysely<never>): Promise<void> {
    await sql`
      create table resources.invoices (
        invoice_no text primary key,
        owner text not null,
        department text,
        amount_cents bigint not null,
        days_overdue integer,
        paid boolean not null default false,
        note text,
        fee_cents bigint not null default 0,
        reminders integer not null default 0,
        disputed boolean not null default false,
        version bigint not null default 1
      )`.execute(db)
    await sql`grant select, update, delete on resources.invoices to jobwarden_authorizer`.execute(db)
  },
}
