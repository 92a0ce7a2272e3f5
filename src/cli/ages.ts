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
  const [day, time] = partsOf(atMs)
  return day === partsOf(nowMs)[0] ? time : `${day} ${time}`
}

function partsOf(ms: number): [day: string, time: string] {
  const at = new Date(ms)
  const two = (part: number) => String(part).padStart(2, '0')
  const day = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join('-')
  return [day, [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':')]
}
