import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runProgram } from '../../src/process/run-program.ts'
import { type BundleBench, KEY_OF } from './bundle-bench.ts'

/** A bundle with a good signature over something that is no Rego, as a pipeline that validates nothing makes it. */
export async function makeBrokenBundle(bench: BundleBench, revision: string): Promise<string> {
  const folder = await bench.workspace.folder('broken')
  const [content, claims, file] = [join(folder, 'content'), join(folder, 'claims.json'), join(folder, 'bundle.tar.gz')]
  await mkdir(content)
  const whole = await bench.make({ revision, signer: false })
  await runProgram('tar', ['-xzf', whole, '-C', content])
  await writeFile(join(content, 'authz/authz.rego'), 'package authz\n\nallow if {\n')
  await writeFile(claims, JSON.stringify({ keyid: KEY_OF.production, scope: 'production' }))
  const key = ['--signing-key', bench.keyFile('production'), '--signing-alg', 'ES256', '--claims-file', claims]
  await runProgram(bench.opa, ['sign', ...key, '-o', '.', '--bundle', '.'], { cwd: content })
  await runProgram('tar', ['-czf', file, '-C', content, ...(await readdir(content))])
  return file
}
