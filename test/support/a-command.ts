import { randomUUID } from 'node:crypto'
import type { Command, PatchValue, User } from '../../src/domain/command.ts'
import type { ProducerJwk } from '../../src/signing/producer-keys.ts'

/** The article's people. */
export const PEOPLE = {
  user123: { id: 'user_123', role: 'user', department: 'engineering' },
  user456: { id: 'user_456', role: 'user', department: 'sales' },
  admin: { id: 'admin_1', role: 'admin' },
  engineeringManager: { id: 'mgr_1', role: 'manager', department: 'engineering' },
  salesManager: { id: 'mgr_2', role: 'manager', department: 'sales' },
  guest: { id: 'guest_1', role: 'guest' },
} as const satisfies Record<string, User>

/** A producer key for tests. */
export const TEST_KEY: ProducerJwk = {
  kty: 'oct',
  kid: 'test-producer',
  alg: 'HS256',
  k: Buffer.alloc(32, 7).toString('base64url'),
}

type Wanted = Partial<Pick<Command, 'id' | 'user' | 'resource' | 'issuedAt' | 'expiresAt'>> &
  ({ action?: 'read' | 'delete' } | { action: 'update'; patch?: Readonly<Record<string, PatchValue>> })

/** A command that the shipped policies allow, but for what the test wants otherwise. */
export function aCommand(wanted: Wanted = {}): Command {
  const now = Date.now()
  const common = {
    id: wanted.id ?? randomUUID(),
    user: wanted.user ?? PEOPLE.user123,
    resource: wanted.resource ?? { type: 'document', id: 'resource_1' },
    issuedAt: wanted.issuedAt ?? new Date(now).toISOString(),
    expiresAt: wanted.expiresAt ?? new Date(now + 600_000).toISOString(),
  }
  if (wanted.action === 'update') return { ...common, action: 'update', patch: wanted.patch ?? { name: 'renamed' } }
  return { ...common, action: wanted.action ?? 'read' }
}
