/** Times as people at this machine say them. */

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
] as const

/** How long before `nowMs` something was, such as `5 min ago`; what the hub's clock is ahead of ours is now. */
export function ageOf(atMs: number, nowMs: number): string {
  const ms = nowMs - atMs
  const [word, size] = units.find(([, each]) => ms >= each) ?? []
  return word === undefined ? 'now' : `${Math.floor(ms / size)} ${word} ago`
}

/** Local time to the second, with the day unless that is today. */
export function localTime(atMs: number, nowMs: number): string {
  const day = dayOf(atMs)
  return day === dayOf(nowMs) ? clockTime(atMs) : `${day} ${clockTime(atMs)}`
}

/** Such as `07:26:11`, by the local clock. */
export function clockTime(ms: number): string {
  const at = new Date(ms)
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map(twoDigits).join(':')
}

function dayOf(ms: number): string {
  const at = new Date(ms)
  return [at.getFullYear(), at.getMonth() + 1, at.getDate()].map(twoDigits).join('-')
}

function twoDigits(part: number): string {
  return String(part).padStart(2, '0')
}
