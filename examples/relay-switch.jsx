// A switch for React that says what the relay reports, and what became of each click.
import { connect } from 'clown-hub/client'
import { useEffect, useState } from 'react'

const hub = connect('http://clown:bigclown@127.0.0.1:8080/talk/nodes/bridge/0')

export function RelaySwitch({ topic, title }) {
  const [connection, setConnection] = useState(hub.state)
  const [report, setReport] = useState(hub.latest(topic))
  const [outcome, setOutcome] = useState('')

  useEffect(() => hub.onState(setConnection), [])
  useEffect(() => hub.on(topic, setReport), [topic])

  const isOn = report?.value.state === true
  const isKnown = connection.name === 'open' && report !== undefined && !report.isStale
  const toggle = () => {
    const onProgress = ({ receipt }) => setOutcome(receipt)
    hub.command(topic, { state: !isOn }, { onProgress }).catch((error) => setOutcome(error.message))
  }
  return (
    <p>
      <button type="button" aria-pressed={isOn} disabled={!isKnown} onClick={toggle}>
        {title}
      </button>
      <output>{isKnown ? `${isOn ? 'on' : 'off'} ${outcome}` : connection.name}</output>
    </p>
  )
}
