import type { OpaError } from './opa-errors.ts'

/** What to do about a complaint of OPA, by its code and its message. The first row that matches counts. */
const REMEDIES: readonly (readonly [code: RegExp, message: RegExp, remedy: string])[] = [
  [
    /eval_conflict/,
    /functions? .*(must not produce multiple outputs|produced conflicting values)/,
    'make one body of the function the fallback: write it as `default name(_) := …`, or after `else`',
  ],
  [
    /eval_conflict/,
    /rules? .*(must not produce multiple outputs|produced conflicting values)/,
    'make all rules with one name give one value: `default name := false` and `name if …`; or chain them with `else`',
  ],
  [/eval_conflict/, /object/, 'give each key of the object one value, or collect the values in a set'],
  [
    /eval_(type|builtin)/,
    /./,
    'test the type of a value before a built-in gets it, for example with `is_string(x)`, or pass what the built-in accepts',
  ],
  [
    /./,
    /undefined function/,
    'define or import the function in a file that is not a test; `opa capabilities --current` lists the built-in ones',
  ],
  [
    /./,
    /is unsafe/,
    'give the name a value before it is used: import it, or bind it with `some … in …` or `:=`, outside of `not`',
  ],
  [
    /recursion/,
    /./,
    'a rule must not depend on itself: split off the part that repeats, or use `walk` for nested data',
  ],
  [/./, /multiple default rules/, 'keep one default of the rule; two files of one package may both have one'],
  [
    /./,
    /conflicting rule for data path/,
    'a data file defines the same name as the rule: rename the rule, or the key of the data',
  ],
  [
    /./,
    /conflicting rules/,
    'write all rules with one name alike: with one value, as a set with `contains`, or as functions with equally many arguments',
  ],
  [/./, /conflicts with (rule|package)/, 'give the rule or the package another name'],
  [/./, /match error|invalid argument/, 'compare values of one type, and pass each function what it accepts'],
  [/./, /has arity|arity mismatch|too (many|few) arguments/, 'call the function with as many arguments as it takes'],
  [/./, /merge error|failed to insert data/, 'two data files define the same name: keep it in one of them'],
  [/./, /^(import|assigned var|argument|variable) .*unused|unused/, 'remove what is not used, or name it `_`'],
  [/./, /shadow/, 'give it a name that hides nothing'],
  [/./, /deprecated/, 'use the replacement that the documentation of OPA names for the deprecated built-in'],
  [/^none$/, /unexpected EOF|invalid character|yaml|json/i, 'correct the syntax of the data file'],
  [/./, /`if` keyword is required/, 'write `if` before the body of the rule'],
  [/./, /`contains` keyword is required/, 'write `contains` before the key of a rule that is a set'],
  [/parse/, /./, 'correct the syntax at this place, or in the lines before it'],
]

/** The remedy for a complaint; undefined when there is none better than to ask OPA. */
export function remedyFor({ code = '', message }: OpaError): string | undefined {
  return REMEDIES.find(([codes, messages]) => codes.test(code || 'none') && messages.test(message))?.[2]
}

/** A command that can be pasted into a shell. */
export function shellCommand(...words: readonly string[]): string {
  return words.map(shellWord).join(' ')
}

function shellWord(word: string): string {
  return /^[\w./:=-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`
}
