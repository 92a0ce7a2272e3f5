/** What is opened rarely, and loaded then: many small files would be packed worse. */
export { DevicePage } from './devices/device-page.tsx'
export { TileEditor } from './devices/tile-editor.tsx'
export { Kiosk } from './kiosk/kiosk.tsx'
export { SetupView } from './setup/setup-view.tsx'
export { Join } from './share/join.tsx'
export { WhyView } from './why/why-view.tsx'
