import { mkdir, mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { replaceFile } from './replace-file.ts'
import { runProgram } from '../process/run-program.ts'

export type SigningOptions = {
  /** The program, as `obtainOpa` finds it. */
  readonly opa: string
  /** The bundle to sign. A signature that it has is dropped. */
  readonly bundle: string
  /** The file to write; it may be `bundle` itself. */
  readonly out: string
  /** PEM file of the private key, and what it signs with. */
  readonly keyFile: string
  readonly algorithm: 'ES256' | 'RS256'
  /** The name of the key, by which verifiers find its public part. */
  readonly keyid: string
  /** What the signature is good for: verifiers of another scope refuse it. */
  readonly scope: string
}

/** Writes a bundle with the same files and OPA's signature over them. @throws Error with the words of OPA or tar */
export async function signBundle({ opa, bundle, out, keyFile, algorithm, ...claims }: SigningOptions): Promise<void> {
  await using workspace = await mkdtempDisposable(join(tmpdir(), 'jobwarden-'))
  const [content, claimsFile] = [join(workspace.path, 'content'), join(workspace.path, 'claims.json')]
  await mkdir(content)
  await runProgram('tar', ['-xzf', bundle, '-C', content, '--exclude', '.signatures.json'])
  await writeFile(claimsFile, JSON.stringify(claims))
  const key = ['--signing-key', resolve(keyFile), '--signing-alg', algorithm, '--claims-file', claimsFile]
  await replaceFile(out, async (unfinished) => {
    // From inside, because OPA puts the path that it is given in front of every name.
    await runProgram(opa, ['build', ...key, '-o', unfinished, '-b', '.'], { cwd: content })
  })
}
