/** Drawings of 24 by 24, in the colour of the text beside them. Each has a text beside it, so that readers aloud skip them. */
import type { JSX } from 'preact'

const paths = {
  devices: 'M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z',
  charts: 'M4 4v16h16M7 15l4-5 3 3 5-7',
  topics: 'M5 5h6M5 5v14h6M5 12h6M14 5h5M14 12h5M14 19h5',
  hub: 'M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM12 3v6M12 15v6M4 7.5l5.4 3M14.6 13.5l5.4 3M20 7.5l-5.4 3M9.4 13.5l-5.4 3',
  thermometer: 'M10 13.5V5a2 2 0 1 1 4 0v8.5a4 4 0 1 1-4 0zM12 9v7',
  humidity: 'M12 3c3.5 4.3 6 7.3 6 10.5a6 6 0 0 1-12 0C6 10.3 8.5 7.3 12 3z',
  light:
    'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2.500M12 19.500V22M2 12h2.500M19.5 12H22M5 5l1.7 1.700M17.3 17.3 19 19M19 5l-1.7 1.700M6.7 17.3 5 19',
  pressure: 'M4 17a8 8 0 1 1 16 0M12 17l4-5M4 17h2M18 17h2',
  air: 'M4 9h10a3 3 0 1 0-3-3M4 13h14a3 3 0 1 1-3 3M4 17h6a2 2 0 1 1-2 2',
  motion: 'M13 5a1.5 1.5 0 1 0 0-.1M9 21l2-5-2.5-3 1.5-5 3 1 2 3 3 1M13 14l2 3v4M6 12l2-3',
  relay: 'M12 3v8M7 6a8 8 0 1 0 10 0',
  bulb: 'M9 18h6M10 21h4M12 3a6 6 0 0 0-3.5 10.900c.5.4.8 1 .8 1.600h5.400c0-.6.3-1.2.8-1.600A6 6 0 0 0 12 3z',
  button: 'M12 5a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6z',
  sensor: 'M4 12h4l2-6 4 12 2-6h4',
  lock: 'M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 1 1 7 0v3',
  warning: 'M12 4 2.5 20h19zM12 10v4M12 17v.1',
  offline:
    'M3 3l18 18M8.5 8.700A9 9 0 0 0 5 11M2 8a14 14 0 0 1 4-2.600M10.5 5A14 14 0 0 1 22 8M14.5 9.300A9 9 0 0 1 19 11M9 14.500a4.5 4.5 0 0 1 6 0M12 19v.1',
  more: 'M6 12v.1M12 12v.1M18 12v.1',
  back: 'M15 5l-7 7 7 7',
  check: 'M5 12.500l4.5 4.500L19 7.5',
  clock: 'M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 8v4l3 2',
  person: 'M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM5 20c.6-3.6 3.4-5.5 7-5.500s6.4 1.9 7 5.5',
  cover: 'M4 4h16M5 4v16M19 4v16M5 8h14M5 12h14M5 16h14',
  fan: 'M12 10a2 2 0 1 0 0 4 2 2 0 0 0 0-4zM12 10c-1-3 0-6 3-6s3 4-1 7M14 12c3-1 6 0 6 3s-4 3-7-1M12 14c1 3 0 6-3 6s-3-4 1-7M10 12c-3 1-6 0-6-3s4-3 7 1',
  plug: 'M9 3v5M15 3v5M6 8h12v3a6 6 0 0 1-12 0zM12 17v4',
  pump: 'M5 20h14M8 20v-6a4 4 0 0 1 8 0v6M12 10V4M9 4h6M16 15h4v-3',
  door: 'M6 21V3h11v18M4 21h16M14 12v.1',
  star: 'M12 4l2.400 5 5.600.700-4.100 3.800 1.100 5.500-5-2.800-5 2.800 1.100-5.500L4 9.700 9.600 9z',
  share:
    'M7 12a2.500 2.500 0 1 0-.1.1zM17 5.500a2.500 2.500 0 1 0 .1.1zM17 18.500a2.500 2.500 0 1 0 .1.1M9.200 10.900l5.600-3.800M9.200 13.100l5.600 3.800',
  why: 'M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM9.700 9.500a2.400 2.400 0 1 1 3.300 2.200c-.7.3-1 .8-1 1.600M12 16.500v.1',
  close: 'M6 6l12 12M18 6L6 18',
  download: 'M12 4v11M7 10.500l5 5 5-5M5 20h14',
} as const

export type IconName = keyof typeof paths

/** Those that a device may be shown by. */
export const iconNames: readonly IconName[] = [
  ...(['bulb', 'plug', 'pump', 'fan', 'cover', 'door', 'lock', 'relay', 'button'] as const),
  ...(['thermometer', 'humidity', 'light', 'pressure', 'air', 'motion', 'sensor'] as const),
]

export function isIcon(name: string): name is IconName {
  return Object.hasOwn(paths, name)
}

export function Icon({ name }: { name: IconName }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  )
}

export function Logo(): JSX.Element {
  return <img class="logo" src="icon.svg" alt="" width="40" height="40" />
}
