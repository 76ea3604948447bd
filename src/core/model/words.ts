/**
 * What the outside says, at most `most` code units of it. A cut through a character would leave half of it, which has
 * no canonical form and could not be recorded.
 */
export const cutWords = (words: string, most: number): string => words.slice(0, most).toWellFormed();
