import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { type Answer, refusal } from './answer.ts'
import type { BundleVerifier } from './bundle-verifier.ts'
import type { Call, Kept } from './call.ts'
import { readBody } from './read-body.ts'
import { MAX_BUNDLE_BYTES } from '../wire.ts'

/** What unpacks to more is no bundle of policies. */
const MAX_UNPACKED_BYTES = 128 * 1024 * 1024

/** Takes a bundle, has it verified, and serves it from then on. Whatever is refused leaves the one before in place. */
export async function pushBundle(
  { request, token }: Call,
  { environment }: Kept,
  verify: BundleVerifier,
): Promise<Answer> {
  const bundle = await readBody(request, MAX_BUNDLE_BYTES)
  if (bundle === undefined) return refusal(413, `a bundle may have ${MAX_BUNDLE_BYTES} bytes at most`)
  if (!(await unpacks(bundle))) return refusal(422, 'this is no gzip file, or one that unpacks to too much')
  const pushed = await environment.push(bundle, token.name, verify)
  if ('refused' in pushed) return refusal(422, pushed.refused)
  if ('conflict' in pushed) return refusal(409, pushed.conflict)
  return { status: pushed.again ? 200 : 201, body: pushed }
}

/** Looked at before OPA is: OPA would unpack a gigabyte. */
async function unpacks(bundle: Buffer): Promise<boolean> {
  try {
    await promisify(gunzip)(bundle, { maxOutputLength: MAX_UNPACKED_BYTES })
    return true
  } catch {
    return false // The only reasons are the two that the refusal names.
  }
}
