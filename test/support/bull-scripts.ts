import { createRequire } from 'node:module'
import { z } from 'zod'

const Scripts = z.record(z.string(), z.object({ name: z.string(), content: z.string() }))

/** The Lua scripts of the BullMQ that is installed, by name. */
function bullScripts(): ReadonlyMap<string, string> {
  const require = createRequire(import.meta.url)
  const folder = require.resolve('bullmq').replace(/\/index\.js$/, '')
  const scripts = Scripts.parse(require(`${folder}/scripts/index.js`))
  return new Map(Object.values(scripts).map(({ name, content }) => [name, content]))
}

/** The commands of Redis that any branch of these scripts calls. @throws Error when BullMQ has no such script */
export function commandsOfScripts(...names: readonly string[]): Set<string> {
  const scripts = bullScripts()
  const commands = names.flatMap((name) => {
    const content = scripts.get(name)
    if (content === undefined) throw new Error(`BullMQ has no script ${name} any more`)
    const called = [...content.matchAll(/call\(\s*["'](\w+)["']/g)].map(([, command = '']) => command.toLowerCase())
    return content.includes('rcall(pushCmd') ? [...called, 'lpush', 'rpush'] : called
  })
  return new Set(commands)
}
