/** What a terminal obeys or hides instead of showing it: controls, escapes, marks that turn text around, line breaks. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}]/gu
const UNSEEN_BUT_LAYOUT = /(?![\n\t])[\p{C}\p{Zl}\p{Zp}]/gu

/** Text that others chose, for one line of a terminal: what is not seen is shown as `\ufffd`. */
export function printable(text: string): string {
  return text.replaceAll(UNSEEN, '\ufffd')
}

/** Text of several lines that may quote what others chose: line breaks and tabs stay. */
export function printableLines(text: string): string {
  return text.replaceAll(UNSEEN_BUT_LAYOUT, '\ufffd')
}

/** The same value as one line of JSON, in which a terminal finds nothing to obey. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(UNSEEN, (unseen) =>
    unseen.replaceAll(/[^]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
  )
}
