// Started by at-exit.test.ts: a program that starts a server and ends without stopping it, as told on its input.
import { once } from 'node:events'
import { startPostgres } from '../../../devkit/start-postgres.ts'
import { startRedis } from '../../../devkit/start-redis.ts'
import { openWorkspace } from '../../../devkit/workspace.ts'

const workspace = await openWorkspace()
const start = process.argv[2] === 'postgres' ? startPostgres : startRedis
const { port } = await start({ workspace })
if (process.argv[2] === 'in order') {
  process.once('SIGTERM', () => {
    process.stdout.write('closing\n')
    void workspace.close().then(() => process.stdin.destroy())
  })
}
process.stdout.write(`${JSON.stringify({ path: workspace.path, port })}\n`)
const how = (await once(process.stdin, 'data')).join('')
if (how === 'exit') process.exit(0)
if (how === 'throw') throw new Error('a defect')
