/** The answer of a run for an item that belongs into a later batch: it goes back to the head of the line. */
export const AGAIN = Symbol('again')
export type Again = typeof AGAIN
