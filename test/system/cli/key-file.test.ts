import { chmod, chown, readdir, realpath, stat, symlink, writeFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { runProgram } from '../../../src/process/run-program.ts'
import { KeyFolder, ORDERS } from '../../support/key-folder.ts'
import { onSmallDisk } from '../../support/small-disk.ts'

const folder = KeyFolder.ofEachTest()

describe('a file that is changed', () => {
  const add = (kid: string, file = folder.workersFile) => [
    'add',
    '--into',
    file,
    '--kid',
    kid,
    '--out',
    folder.file(`${kid}.json`),
  ]

  test('loses nothing to commands at the same time', async () => {
    const kids = Array.from({ length: 8 }, (_, index) => `key-${index}`)
    const results = await Promise.all(kids.map((kid) => folder.run(...add(kid))))
    expect(results.map(({ status }) => status)).toEqual(kids.map(() => 0))
    expect(new Set((await folder.read()).keys.map(({ kid }) => kid))).toEqual(new Set(['orders', ...kids]))
    expect((await readdir(folder.path)).filter((name) => name.endsWith('.lock'))).toEqual([])
  })

  test('is not touched while another command holds it, or died in the middle', async () => {
    await writeFile(`${folder.workersFile}.lock`, '')
    expect(await folder.refusal(...add('a'))).toMatch(
      /another command is changing it, for .*workers.json.lock is there; if none is running, remove/,
    )
  })

  test('keeps its mode and its owner', async () => {
    await chmod(folder.workersFile, 0o640)
    if (process.getuid?.() === 0) await chown(folder.workersFile, 1_000, 1_001)
    const before = await stat(folder.workersFile)
    expect((await folder.run(...add('a'))).status).toBe(0)
    const after = await stat(folder.workersFile)
    expect([after.mode, after.uid, after.gid]).toEqual([before.mode, before.uid, before.gid])
    expect(after.ino).not.toBe(before.ino)
  })

  test('is the one behind a link, and the link stays; behind a link to nothing there is none', async () => {
    await symlink('workers.json', folder.file('link.json'))
    expect((await folder.run(...add('a', folder.file('link.json')))).status).toBe(0)
    expect(await realpath(folder.file('link.json'))).toBe(await realpath(folder.workersFile))
    expect((await folder.read()).keys).toHaveLength(2)
    await symlink('gone.json', folder.file('astray.json'))
    const astray = await folder.run(...add('b', folder.file('astray.json')))
    expect(astray).toMatchObject({ status: 2, stderr: expect.stringMatching(/astray.json: it stays as it is: ENOENT/) })
    expect(await readdir(folder.path)).not.toContain('b.json')
  })

  test.each([
    ['broken', '{"keys":[', /workers.json: it is not JSON/],
    ['empty', '', /workers.json: it is not JSON/],
    ['without keys', '{"keys":[]}', /keys: must hold a key, unless "served"/],
    ['of an unknown member', { keys: [ORDERS], version: 2 }, /the file: Unrecognized key: "version"/],
    ['of a key with an unknown member', { keys: [{ ...ORDERS, scope: 'x' }] }, /keys.0: Unrecognized key: "scope"/],
    ['with a member twice', '{"keys":[],"keys":[]}', /workers.json: it has the key "keys" twice/],
  ])('stays as it is when it is %s, with what is wrong', async (_how, content, why) => {
    await folder.keep(content)
    expect(await folder.refusal(...add('a'))).toMatch(why)
  })

  test('has to be there, but for add', async () => {
    const gone = folder.file('gone.json')
    expect(await folder.refusal('retire', '--into', gone, '--kid', 'a')).toMatch(
      /gone.json: there is no such file; `jobwarden keys add` makes/,
    )
  })

  /** Adds a key to a file on a disk of 16 kB, after what a script does to that disk. The key itself would be elsewhere. */
  async function onDisk(script: string): Promise<string[]> {
    const disk = await folder.another()
    const jobwarden = `'${process.execPath}' cli/jobwarden.ts keys ${add('a', `${disk}/workers.json`).join(' ')}`
    const whole = `cp '${folder.workersFile}' '${disk}/workers.json'; ${script.replaceAll('DISK', disk)}; ${jobwarden} 2>&1; echo "status $?"; ls '${disk}'; cmp '${folder.workersFile}' '${disk}/workers.json' && echo same`
    return (await runProgram('unshare', onSmallDisk(disk, 16, ['sh', '-c', whole]))).trim().split('\n')
  }

  test('stays as it is on a full disk, and so does the rest', async () => {
    const said = await onDisk("head -c 100000 /dev/zero >'DISK/filler' 2>/dev/null || true")
    expect(said).toEqual([
      expect.stringMatching(/workers.json: it stays as it is: ENOSPC: no space left on device/),
      'status 2',
      'filler',
      'workers.json',
      'same',
    ])
    expect(await readdir(folder.path)).toEqual(['workers.json'])
  })

  test('stays as it is where nothing may be written, which is where secrets are mounted', async () => {
    const said = await onDisk("mount -o remount,ro 'DISK'")
    expect(said).toEqual([
      expect.stringMatching(/EROFS: read-only file system.*; a mounted secret is changed where it is made/),
      'status 2',
      'workers.json',
      'same',
    ])
    expect(await readdir(folder.path)).toEqual(['workers.json'])
  })
})
