import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises'
import { type Server, createServer } from 'node:http'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { downloadOpa } from '../../../devkit/download-opa.ts'
import { goInstallOpa } from '../../../devkit/go-install.ts'
import { OPA_WAYS, type OpaWay, obtainOpa } from '../../../devkit/obtain-opa.ts'
import { type Workspace, openWorkspace } from '../../../devkit/workspace.ts'

let workspace: Workspace
let tools: string
let said: string[]
const say = (line: string) => void said.push(line)

beforeEach(async () => {
  workspace = await openWorkspace()
  tools = join(workspace.path, 'tools')
  said = []
})
afterEach(() => workspace.close())

const opaScript = (version: string) => `#!/bin/sh\necho "Version: ${version}"\n`

async function folderWith(name: string, script: string): Promise<string> {
  const folder = await workspace.folder('bin')
  await writeFile(join(folder, name), script)
  await chmod(join(folder, name), 0o755)
  return folder
}

/** Serves the files by path; any other is 404. `hold` never answers. */
async function serve(files: Readonly<Record<string, string>>, hold = false): Promise<string> {
  const server: Server = createServer((request, response) => {
    if (hold) return
    const body = files[request.url ?? '']
    response.writeHead(body === undefined ? 404 : 200).end(body)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  workspace.defer(async () => {
    server.closeAllConnections()
    await server[Symbol.asyncDispose]()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return `http://127.0.0.1:${address.port}`
}

const ASSET = `/v1.22.2/opa_${process.platform}_${process.arch === 'x64' ? 'amd64' : process.arch}`
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

/** The ways that stay on this machine, then stand-ins for the download and the compilation. */
function ways(fetching: readonly OpaWay[]): readonly OpaWay[] {
  return [...OPA_WAYS.slice(0, 2), ...fetching]
}

test('takes the OPA of the PATH when it is new enough', async () => {
  const folder = await folderWith('opa', opaScript('1.30.0'))
  const found = await obtainOpa({ say, tools, folders: [folder] })
  expect(found).toEqual({ path: join(folder, 'opa'), version: '1.30.0', source: 'PATH' })
})

test('passes over an old OPA for a newer one further down the PATH', async () => {
  const folders = [await folderWith('opa', opaScript('1.9.0')), await folderWith('opa', opaScript('1.22.10'))]
  expect((await obtainOpa({ say, tools, folders })).version).toBe('1.22.10')
})

test('passes over an old OPA on the PATH for the one in .tools', async () => {
  await mkdir(tools)
  await writeFile(join(tools, 'opa-1.22.2'), opaScript('1.22.2'), { mode: 0o755 })
  const old = await folderWith('opa', opaScript('1.22.1'))
  const found = await obtainOpa({ say, tools, folders: [old] })
  expect(found.source).toBe('.tools')
  expect(said[0]).toBe(`no OPA by PATH: ${join(old, 'opa')} is OPA 1.22.1, older than 1.22.2`)
})

test('tries the ways in order and stops at the first that leads there', async () => {
  const tried: string[] = []
  const way = (name: string, version?: string): OpaWay => ({
    name,
    obtain: () => {
      tried.push(name)
      return version === undefined ? Promise.reject(new Error('closed')) : Promise.resolve({ path: '/opa', version })
    },
  })
  const fetching = [way('download'), way('go install', '1.22.2'), way('never')]
  const found = await obtainOpa({ say, tools, folders: [], ways: ways(fetching) })
  expect(found).toEqual({ path: '/opa', version: '1.22.2', source: 'go install' })
  expect(tried).toEqual(['download', 'go install'])
  expect(said.map((line) => line.split(':')[0])).toEqual([
    'no OPA by PATH',
    'no OPA by .tools',
    'no OPA by download',
    'OPA 1.22.2 from go install',
  ])
})

test('lists what was tried, why each failed and what to do', async () => {
  const download = { name: 'download', obtain: () => Promise.reject(new Error('getaddrinfo ENOTFOUND')) }
  const compile = { name: 'go install', obtain: goInstallOpa }
  const obtaining = obtainOpa({ say, tools, folders: [], ways: ways([download, compile]) })
  await expect(obtaining).rejects.toThrow(
    /^cannot obtain OPA 1\.22\.2 or newer:\n- PATH: there is no opa\n- \.tools: .*\n- download: .*ENOTFOUND\n- go install: go is not on the PATH\nPut an opa .*opa-1\.22\.2\.$/,
  )
})

test('downloads the release, compares its checksum and keeps it in .tools', async () => {
  const script = opaScript('1.22.2')
  const name = `${ASSET}_static`
  const releases = await serve({ [name]: script, [`${name}.sha256`]: `${sha256(script)}  opa\n` })
  const found = await downloadOpa({ tools, say, releases })
  expect(found).toEqual({ path: join(tools, 'opa-1.22.2'), version: '1.22.2' })
  expect(await readdir(tools)).toEqual(['opa-1.22.2'])
  expect(said).toContain(`downloading ${releases}${name}`)
  expect((await obtainOpa({ say, tools, folders: [] })).source).toBe('.tools')
})

test('two downloads at once do not disturb each other', async () => {
  const script = opaScript('1.22.2')
  const releases = await serve({ [ASSET]: script, [`${ASSET}.sha256`]: sha256(script) })
  const both = await Promise.all([downloadOpa({ tools, say, releases }), downloadOpa({ tools, say, releases })])
  expect(both.map(({ version }) => version)).toEqual(['1.22.2', '1.22.2'])
  expect(await readdir(tools)).toEqual(['opa-1.22.2'])
})

test('refuses a download with another checksum than published, and keeps nothing of it', async () => {
  const releases = await serve({ [ASSET]: opaScript('1.22.2'), [`${ASSET}.sha256`]: sha256('something else') })
  await expect(downloadOpa({ tools, say, releases })).rejects.toThrow(/has checksum [0-9a-f]{64}, but .* is published/)
  expect(await readdir(tools)).toEqual([])
})

test.for([
  { host: 'has no such release', files: {}, reason: 'no release 1.22.2 for opa_' },
  { host: 'publishes no checksum', files: { [`${ASSET}_static.sha256`]: '<html>' }, reason: 'without a checksum' },
  { host: 'has a checksum alone', files: { [`${ASSET}.sha256`]: sha256('') }, reason: 'answered 404' },
])('says why it cannot download from a host that $host', async ({ files, reason }) => {
  await expect(downloadOpa({ tools, say, releases: await serve(files) })).rejects.toThrow(reason)
})

test('gives up on a host that is silent', async () => {
  const releases = await serve({}, true)
  await expect(downloadOpa({ tools, say, releases, silenceMs: 100 })).rejects.toThrow(
    `${releases} was silent for 0.1 s`,
  )
})

test('says why a host cannot be reached', async () => {
  const download = downloadOpa({ tools, say, releases: 'http://127.0.0.1:1' })
  await expect(download).rejects.toThrow(/ECONNREFUSED|bad port/)
})

test('compiles with go into .tools', async () => {
  const install = `#!/bin/sh\necho "$@" CGO_ENABLED=$CGO_ENABLED >&2\nprintf '${opaScript('1.22.2')}' > $GOBIN/opa\nchmod +x $GOBIN/opa\n`
  const folders = [await folderWith('go', install)]
  expect(await goInstallOpa({ tools, say, folders })).toEqual({ path: join(tools, 'opa-1.22.2'), version: '1.22.2' })
  expect(await readdir(tools)).toEqual(['opa-1.22.2'])
})

test('says what go says when it cannot compile', async () => {
  const install = '#!/bin/sh\necho "go: $3: dial tcp: no route to host" >&2\nexit 1\n'
  const compiling = goInstallOpa({ tools, say, folders: [await folderWith('go', install)] })
  await expect(compiling).rejects.toThrow(
    'go exited with status 1\n  go: github.com/open-policy-agent/opa@v1.22.2: dial tcp: no route to host',
  )
  expect(await readdir(tools)).toEqual([])
})
