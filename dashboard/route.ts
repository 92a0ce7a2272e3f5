/** Where in the page somebody is: what stands behind the `#` of its address, so that it can be shared. */
import { computed, signal } from '@preact/signals'

/** Those that the head of the page leads to. */
export const views = ['devices', 'charts', 'topics', 'hub'] as const
const otherViews = ['share', 'kiosk', 'join', 'why'] as const
export type View = (typeof views | typeof otherViews)[number]

const hash = signal(location.hash)

addEventListener('hashchange', () => {
  hash.value = location.hash
})

export interface Route {
  readonly view: View
  /** What follows the view: the topic of a device. */
  readonly rest: string
  readonly query: URLSearchParams
}

export const route = computed<Route>(() => {
  const [path = '', query = ''] = hash.value.replace(/^#\/?/, '').split('?')
  const [first, ...rest] = path.split('/')
  const view = [...views, ...otherViews].find((each) => each === first) ?? 'devices'
  return { view, rest: decode(rest.join('/')), query: new URLSearchParams(query) }
})

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

export function hrefOf(view: View, rest = '', query?: URLSearchParams): string {
  const path = rest === '' ? '' : `/${encodeURIComponent(rest)}`
  const text = query?.toString() ?? ''
  return `#/${view}${path}${text === '' ? '' : `?${text}`}`
}

/** Goes somewhere without a new entry in the browser's history: for where people pass by. */
export function replaceRoute(href: string): void {
  history.replaceState(null, '', href)
  hash.value = href
}
