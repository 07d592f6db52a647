/** Characters that a terminal obeys or hides: controls, escapes, marks that change the direction of text, line breaks. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}]/gu
const UNSEEN_BUT_LAYOUT = /(?![\n\t])[\p{C}\p{Zl}\p{Zp}]/gu

/** Text that others chose, for one line on a terminal: characters that would not be seen become `\ufffd`. */
export function printable(text: string): string {
  return text.replaceAll(UNSEEN, '\ufffd')
}

/** Text of several lines that may quote others: the same, but line breaks and tabs stay. */
export function printableLines(text: string): string {
  return text.replaceAll(UNSEEN_BUT_LAYOUT, '\ufffd')
}

/** A value as one line of JSON that a terminal only shows. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(UNSEEN, (unseen) =>
    unseen.replaceAll(/[^]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
  )
}
