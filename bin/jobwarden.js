#!/usr/bin/env node
import { existsSync } from 'node:fs'

// A checkout runs its sources; the package has none, because Node strips no types below node_modules.
const sources = new URL('../cli/jobwarden.ts', import.meta.url)
await import(existsSync(sources) ? sources.href : '../dist/cli/jobwarden.js')
