/** Which clients have a session that outlives its connection [MQTT-3.1.2-4]. */
export interface KeptSessions {
  /** A client was accepted; answers whether there was a session of its to go on with. */
  accept(client: { readonly clientId: string; readonly clean: boolean }): boolean
}

export function createKeptSessions(): KeptSessions {
  const clientIds = new Set<string>()
  return {
    accept: ({ clientId, clean }) => {
      const isKept = clientIds.has(clientId) && !clean
      // [MQTT-3.1.2-6] A clean session discards the one before.
      if (clean) clientIds.delete(clientId)
      else clientIds.add(clientId)
      return isKept
    },
  }
}
