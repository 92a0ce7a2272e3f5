import type { JSX } from 'preact'
import { Copyable } from '../copyable.tsx'
import { LogTable } from '../devices/device-page.tsx'
import { NodeCondition } from '../devices/devices-view.tsx'
import { type LoggedCommand, nodes } from '../devices/house.ts'
import { Icon } from '../icons.tsx'
import { usePolled } from '../polled.ts'
import { hrefOf } from '../route.ts'
import { isAdmin, isOperator } from '../session.ts'
import { t } from '../words.ts'
import { Alarms, Bridges, Condition, Dialects, HitLimits, Hubs, Neighbours } from './condition.tsx'
import { PasswordForm } from './password-form.tsx'
import { Bans, Connections, SignIns } from './present.tsx'
import { Users } from './users.tsx'
import '../style/hub.css'

interface Conflict {
  readonly kind: string
  readonly [field: string]: unknown
}

/** The hub itself: how it is, what it knows, and who did what. */
export function HubView(): JSX.Element {
  return (
    <div class="hub-view">
      <h1 class="unseen">{t('hub')}</h1>
      <p>
        <a href={hrefOf('why')}>
          <Icon name="why" /> {t('why')}
        </a>
      </p>
      <div class="columns">
        {isOperator() && <Alarms />}
        <Condition />
        {isOperator() && <HitLimits />}
        <Hubs />
        <Neighbours />
        <Bridges />
        <Nodes />
        {isOperator() && <Conflicts />}
        {isAdmin() && <Users />}
        {isAdmin() && <Bans />}
        <Connect />
        {isOperator() && <Dialects />}
        <PasswordForm />
      </div>
      {isAdmin() && <Connections />}
      {isOperator() && <Commands />}
      {isAdmin() && <SignIns />}
    </div>
  )
}

function Nodes(): JSX.Element {
  const all = nodes.value ?? []
  return (
    <section>
      <h2>{t('nodes')}</h2>
      {all.length === 0 ? (
        <p class="quiet">{t('noDevices')}</p>
      ) : (
        <ul class="node-list">
          {all.map((node) => (
            <li key={node.base}>
              <strong>{node.base}</strong>
              <NodeCondition node={node} />
              <span class="quiet">
                {t('deviceCount', { count: node.devices.value.length })}
                {node.firmware.value !== undefined && ` · ${node.firmware.value}`}
              </span>
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}

function Conflicts(): JSX.Element | null {
  const conflicts = usePolled<{ conflicts: Conflict[] }>('api/conflicts').value?.conflicts ?? []
  if (conflicts.length === 0) return null
  return (
    <section>
      <h2>{t('conflicts')}</h2>
      <ul class="node-list">
        {conflicts.map((conflict) => (
          <li key={JSON.stringify(conflict)}>
            <code>
              {Object.entries(conflict)
                .map(
                  ([name, value]) =>
                    `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`,
                )
                .join(', ')}
            </code>
          </li>
        ))}
      </ul>
    </section>
  )
}

function Commands(): JSX.Element {
  const path = 'api/commands?limit=50'
  const commands = usePolled<{ commands: LoggedCommand[] }>(path).value?.commands ?? []
  return (
    <section>
      <h2>{t('log')}</h2>
      {commands.length === 0 ? (
        <p class="quiet">{t('logEmpty')}</p>
      ) : (
        <LogTable entries={commands} hasDevice />
      )}
    </section>
  )
}

/** The lines that a program needs to come in. */
function Connect(): JSX.Element {
  const home = new URL('.', document.baseURI)
  const talk = new URL('talk', home)
  const mqtt = new URL('mqtt', home)
  for (const url of [talk, mqtt]) url.protocol = url.protocol.replace('http', 'ws')
  return (
    <section>
      <h2>{t('connect')}</h2>
      <h3>Clown.Talk</h3>
      <Copyable text={talk.href} />
      <h3>MQTT</h3>
      <Copyable text={mqtt.href} />
      <p class="quiet">{t('alsoRead')}</p>
      <p class="row">
        {['api/nodes', 'api/commands', 'healthz', 'readyz'].map((path) => (
          <a key={path} href={path} target="_blank" rel="noreferrer">
            {path}
          </a>
        ))}
      </p>
    </section>
  )
}
