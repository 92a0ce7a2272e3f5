/*
 * Keeps the page itself, so that it opens while the hub is away, and can say so. What the hub says is never kept: nothing
 * old is shown as if it were new.
 */
const cacheName = 'page-1'

addEventListener('install', (event) => event.waitUntil(keepAll()))
addEventListener('activate', (event) => event.waitUntil(clients.claim()))

addEventListener('fetch', (event) => {
  const { request } = event
  const path = new URL(request.url).pathname.slice(new URL(registration.scope).pathname.length)
  if (request.method !== 'GET') return
  if (path === '') event.respondWith(freshOrKept(request))
  else if (/^(assets\/|icon)/.test(path)) event.respondWith(keptOrFresh(request))
})

/** The page that has just been opened was loaded without us. */
async function keepAll() {
  await skipWaiting()
  const cache = await caches.open(cacheName)
  const page = await fetch('./', { cache: 'no-cache' })
  const files = [
    ...(await page.clone().text()).matchAll(/(?:src|href)="\.\/(assets\/[^"]+|icon[^"]*)"/g),
  ]
  await cache.put('./', page)
  await cache.addAll(files.map(([, path]) => path))
}

async function freshOrKept(request) {
  const cache = await caches.open(cacheName)
  try {
    const fresh = await fetch(request)
    if (fresh.ok) await keepPage(cache, request, fresh.clone())
    return fresh
  } catch (error) {
    const kept = await cache.match(request, { ignoreVary: true })
    if (kept === undefined) throw error
    return kept
  }
}

/** With a new page, the files of the one before go. */
async function keepPage(cache, request, fresh) {
  const kept = await cache.match(request, { ignoreVary: true })
  if (kept?.headers.get('etag') !== fresh.headers.get('etag')) {
    for (const key of await cache.keys()) await cache.delete(key)
  }
  await cache.put(request, fresh)
}

/** The names of these change with what they say. */
async function keptOrFresh(request) {
  const cache = await caches.open(cacheName)
  const kept = await cache.match(request, { ignoreVary: true })
  if (kept !== undefined) return kept
  const fresh = await fetch(request)
  if (fresh.ok) await cache.put(request, fresh.clone())
  return fresh
}
