import { CompactSign } from 'jose'
import type { Command } from '../domain/command.ts'
import { COMMAND_TYP } from './jws-verifier.ts'
import type { ProducerKey } from './producer-keys.ts'

const encoder = new TextEncoder()

/** Signs a command for one queue. The signature covers the very bytes that travel. */
export function signCommand(command: Command, queue: string, { kid, alg, key }: ProducerKey): Promise<string> {
  const payload = encoder.encode(JSON.stringify({ queue, command }))
  return new CompactSign(payload).setProtectedHeader({ alg, kid, typ: COMMAND_TYP }).sign(key)
}
