import { gzipSync } from 'node:zlib'
import type { FailureCode } from '../../src/domain/failure.ts'
import { type Script, answers, decides, says } from './lying-pdp.ts'

/** What a PDP answers instead of decisions, and the failure that it must be. */
export type Lie = {
  readonly script: Script
  readonly code: FailureCode
  /** What the message must say beside the path and the remedy. */
  readonly why?: RegExp
}

const ALLOWED = '{"allow":true}'
/** A batch of `a` and `b` that is allowed, spelled out so that it can be distorted. */
const good = `{"result":{"revision":"r1","answers":{"a":${ALLOWED},"b":${ALLOWED}}}}`
const reason = { code: 'denied', message: 'No.' }
const revisionOf = (revision: unknown) => decides((ids) => ({ revision, answers: allAllowed(ids) }))
const answersOf = (all: unknown) => decides(() => ({ revision: 'r1', answers: all }))
const allAllowed = (ids: readonly string[]) => Object.fromEntries(ids.map((id) => [id, { allow: true }]))
const allowOf = (allow: unknown) => answers(() => ({ allow }))
const reasonsOf = (reasons: unknown) => answers(() => ({ allow: false, reasons }))

const bad = (script: Script, why?: RegExp): Lie => ({
  script,
  code: 'JW_PDP_BAD_RESPONSE',
  ...(why !== undefined && { why }),
})

/** A proper answer of HTTP with a body that is none of a PDP. */
export const FORMLESS: Readonly<Record<string, Lie>> = {
  'an empty object': { script: says('{}'), code: 'JW_PDP_NOT_READY', why: /is undefined/ },
  null: bad(says('null')),
  'a result that is null': bad(decides(() => null)),
  'a result that is true': bad(decides(() => true)),
  'a result that is the word true': bad(decides(() => 'true')),
  'a result that is 1': bad(decides(() => 1)),
  'a result that is a list': bad(decides(() => [{ allow: true }])),
  'nothing at all': bad(says(''), /malformed_json/),
  'truncated JSON': bad(says(good.slice(0, -3)), /malformed_json/),
  'JSON with more behind it': bad(says(good + good), /malformed_json/),
  'JSON with a comment': bad(says(`${good} // ok`), /malformed_json/),
  'JSON that nests without end': bad(says('['.repeat(10_000)), /too_deep/),
  'HTML with 200': bad(says('<html><body>Welcome</body></html>', 200, { 'content-type': 'text/html' })),
  'a compressed body': bad(says(gzipSync(good), 200, { 'content-encoding': 'gzip' })),
  'a good body beside a warning': bad(says(`${good.slice(0, -1)},"warning":{"code":"api_usage_warning"}}`), /warning/),
  'a warning that is not one': bad(says(`${good.slice(0, -1)},"warning":"input"}`)),
  'the result twice': bad(says(`{"result":{},${good.slice(1)}`), /duplicate_key/),
  'the answers twice': bad(says(good.replace('"answers"', '"answers":{},"answers"')), /duplicate_key/),
  'an id twice': bad(says(good.replace('"b"', '"a":{"allow":false},"b"')), /duplicate_key/),
  'an id twice, spelled another way': bad(says(good.replace('"b"', '"\\u0061":{"allow":false},"b"')), /duplicate_key/),
  'allow twice': bad(says(good.replace(ALLOWED, '{"allow":false,"allow":true}')), /duplicate_key/),
  'a key that reaches a prototype': bad(says(good.replace('"b"', '"__proto__":{"allow":true},"b"')), /forbidden_key/),
}

/** Decisions that are not quite. */
export const MISSHAPEN: Readonly<Record<string, Lie>> = {
  'no revision': bad(revisionOf(undefined), /revision/),
  'an empty revision': bad(revisionOf(''), /revision/),
  'a revision that is a number': bad(revisionOf(7), /revision/),
  'a revision with a NUL': bad(revisionOf('r\0'), /ledger cannot store/),
  'no answers': bad(answersOf(undefined), /answers/),
  'answers that are null': bad(answersOf(null), /answers/),
  'answers in a list': bad(answersOf([{ allow: true }, { allow: true }]), /answers/),
  'an unknown member beside the answers': bad(
    decides((ids) => ({ revision: 'r1', answers: allAllowed(ids), allow: true })),
  ),
  'bare booleans for answers': bad(answers(() => true)),
  'the word true for allow': bad(allowOf('true'), /answers\.a\.allow/),
  '1 for allow': bad(allowOf(1), /answers\.a\.allow/),
  'null for allow': bad(allowOf(null), /answers\.a\.allow/),
  'a list for allow': bad(allowOf([true]), /answers\.a\.allow/),
  'no allow': bad(
    answers(() => ({ allowed: true })),
    /answers\.a\.allow/,
  ),
  'an allow with reasons': bad(
    answers(() => ({ allow: true, reasons: [reason] })),
    /reasons/,
  ),
  'an allow with an unknown member': bad(
    answers(() => ({ allow: true, except: 'deletes' })),
    /except/,
  ),
  'a denial without reasons': bad(
    answers(() => ({ allow: false })),
    /reasons/,
  ),
  'a denial with no reason in the list': bad(reasonsOf([]), /reasons/),
  'a denial with a sentence for a reason': bad(reasonsOf(['because']), /reasons/),
  'a denial with a code that is none': bad(reasonsOf([{ code: 'Not OK', message: 'No.' }]), /reasons/),
  'a denial with a NUL in it': bad(reasonsOf([{ code: 'denied', message: 'No\0.' }]), /ledger cannot store/),
  'a denial with half a character': bad(reasonsOf([{ code: 'denied', message: '\ud800' }]), /ledger cannot store/),
  'a name as long as a book': bad(answersOf({ ['a'.repeat(50_000)]: { allow: 'yes' } })),
  'no answer for one id': bad(
    decides((ids) => ({
      revision: 'r1',
      answers: Object.fromEntries(ids.slice(1).map((id) => [id, { allow: true }])),
    })),
    /no answer for "a"/,
  ),
  'an answer for one id more': bad(
    answersOf({ a: { allow: true }, b: { allow: true }, c: { allow: true } }),
    /"c", which was not asked/,
  ),
  "another batch's ids": bad(answersOf({ x: { allow: true }, y: { allow: true } }), /"x", which was not asked/),
  'the ids in capitals': bad(answersOf({ A: { allow: true }, B: { allow: true } }), /"A", which was not asked/),
}

/** A good body under another status than 200 is no answer. */
export const STATUSES: readonly (readonly [number, FailureCode])[] = [
  [201, 'JW_PDP_BAD_RESPONSE'],
  [204, 'JW_PDP_BAD_RESPONSE'],
  [206, 'JW_PDP_BAD_RESPONSE'],
  [302, 'JW_PDP_BAD_RESPONSE'],
  [400, 'JW_PDP_REJECTED'],
  [401, 'JW_PDP_REJECTED'],
  [403, 'JW_PDP_REJECTED'],
  [404, 'JW_PDP_REJECTED'],
  [413, 'JW_PDP_REJECTED'],
  [429, 'JW_PDP_REJECTED'],
  [500, 'JW_PDP_SERVER_ERROR'],
  [502, 'JW_PDP_SERVER_ERROR'],
  [503, 'JW_PDP_SERVER_ERROR'],
  [504, 'JW_PDP_SERVER_ERROR'],
]

/** The body of a batch of `a` and `b` that is allowed. */
export const GOOD_BODY = good

const chunk = Buffer.alloc(16_384, ' ')

/** Answers that break off, never begin or never end. */
export const BROKEN: Readonly<Record<string, Lie>> = {
  'no first byte': { script: () => undefined, code: 'JW_PDP_TIMEOUT', why: /deadline/ },
  'a head and no body': { script: (response) => response.flushHeaders(), code: 'JW_PDP_TIMEOUT', why: /deadline/ },
  'half a body': { script: (response) => response.write(good.slice(0, 20)), code: 'JW_PDP_TIMEOUT', why: /deadline/ },
  'a body that drips': {
    script: (response) => {
      const timer = setInterval(() => response.write(' '), 20)
      response.on('close', () => clearInterval(timer))
    },
    code: 'JW_PDP_TIMEOUT',
    why: /deadline/,
  },
  'a body without end': bad((response) => {
    const more = () => {
      while (!response.destroyed && response.write(chunk));
    }
    response.on('drain', more)
    more()
  }, /more than 100000 bytes/),
  'a body that is too large': bad(says(good.padEnd(100_001)), /more than 100000 bytes/),
  'a head without end': {
    script: says(good, 200, { 'x-padding': 'x'.repeat(20_000) }),
    code: 'JW_PDP_UNREACHABLE',
  },
  'a reset instead of an answer': {
    script: (response) => response.socket?.resetAndDestroy(),
    code: 'JW_PDP_UNREACHABLE',
  },
  'a reset in the middle of the body': {
    script: (response) => response.write(good.slice(0, 20), () => response.socket?.resetAndDestroy()),
    code: 'JW_PDP_UNREACHABLE',
  },
  'the end in the middle of the body': {
    script: (response) =>
      response.writeHead(200, { 'content-length': good.length + 1 }).end(good, () => response.socket?.end()),
    code: 'JW_PDP_UNREACHABLE',
  },
  'what is not HTTP': {
    script: (response) => response.socket?.end('220 mail.example ESMTP\r\n'),
    code: 'JW_PDP_UNREACHABLE',
  },
}
