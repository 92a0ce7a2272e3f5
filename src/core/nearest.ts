import { closest, distance } from 'fastest-levenshtein'

/**
 * Which of `known` somebody most likely meant by `text`; undefined when none is near: a far one would only
 * lead astray. Two letters in the wrong order are one mistake.
 */
export function nearest(text: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined
  const found = closest(text, known)
  const mistakes = distance(text, found) - (lettersOf(text) === lettersOf(found) ? 1 : 0)
  return mistakes <= Math.max(1, Math.floor(found.length / 3)) ? found : undefined
}

function lettersOf(text: string): string {
  return [...text].sort().join('')
}
