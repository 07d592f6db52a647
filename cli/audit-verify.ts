import { SingleBar } from 'cli-progress'
import { Command } from 'commander'
import { type Finding, type VerifiedTree, verifyTree } from '../src/audit/verify-tree.ts'
import { printableJson } from '../src/domain/printable.ts'
import { print, say } from '../src/process/terminal.ts'
import { StoredTrail } from '../src/storage/trail/stored-trail.ts'
import { EXIT_STATUS, KEY_FLAG, verifierKey, withTrail } from './open-trail.ts'
import { textTable } from './output/text-table.ts'
import { wholeNumber } from './flag-values.ts'

type Flags = { readonly key: string; readonly grace: number; readonly json?: boolean }

/** `jobwarden audit verify`: the whole trail against what was signed. */
export function auditVerifyCommand(env: Readonly<Record<string, string | undefined>>): Command {
  return new Command('verify')
    .description('verify that the whole trail is what was signed')
    .requiredOption(...KEY_FLAG)
    .option('--grace <seconds>', 'a record this young may still wait for its leaf', wholeNumber(86_400), 60)
    .option('--json', 'as one line of JSON')
    .addHelpText('after', EXIT_STATUS)
    .action(async ({ key: text, grace, json = false }: Flags) => {
      const key = verifierKey(text)
      await withTrail(env, 'jobwarden_reader', async (database) => {
        const bar = progressBar()
        const log = { origin: key.name, keys: [key] }
        const options = { stored: new StoredTrail(database), log, graceMs: grace * 1_000, onProgress: bar.update }
        const verified = await verifyTree(options).finally(bar.stop)
        print(json ? asJson(verified) : asText(verified))
        if (verified.findings.length > 0) process.exitCode = 1
        else if (!json && verified.tree === undefined) say('nothing was verified: the tree has no leaf yet')
      })
    })
}

function asJson({ tree, findings }: VerifiedTree): string {
  return `${printableJson({ size: tree?.size ?? 0, root: tree?.root.toString('base64'), findings })}\n`
}

function asText({ tree, findings }: VerifiedTree): string {
  const signed = tree === undefined ? 'no checkpoint\n' : `${tree.size} leaves, root ${tree.root.toString('base64')}\n`
  if (findings.length === 0) return `${signed}all of it is what was signed\n`
  const rows = findings.map((finding) => [placeOf(finding), finding.record ?? '-', finding.what])
  return `${signed}${textTable(['index', 'record', 'what is wrong'], rows)}`
}

function placeOf({ index, until }: Finding): string {
  if (index === undefined) return '-'
  return until === undefined || until === index + 1 ? String(index) : `${index} to ${until - 1}`
}

/** A progress bar on standard error when a person watches. */
function progressBar() {
  const format = '{bar} {percentage}% | {value} of {total} leaves | {eta_formatted}'
  const bar = new SingleBar({ format, stream: process.stderr, clearOnComplete: true, hideCursor: true })
  let started = false
  return {
    update: (leaves: number, size: number) => {
      if (!process.stderr.isTTY) return
      if (!started) bar.start(size, 0)
      started = true
      bar.update(leaves)
    },
    stop: () => bar.stop(),
  }
}
