/** What `json` says, a text or its bytes in UTF-8; undefined when it is no JSON. */
export function parseJson(json: string | Buffer): unknown {
  try {
    return JSON.parse(json.toString())
  } catch {
    return undefined
  }
}
