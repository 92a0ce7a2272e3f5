import { signal } from '@preact/signals'
import type { JSX, TargetedSubmitEvent } from 'preact'
import { reasonOf } from '../failures.tsx'
import { Icon, iconNames } from '../icons.tsx'
import { t } from '../words.ts'
import { type Device, nodes } from './house.ts'
import { relabel } from './relabel.ts'
import { roomsOf } from './rooms.ts'
import { fullName, TileHead } from './tile-head.tsx'

interface TileEditorProps {
  readonly device: Device
  /** Those that its place is among, in their order. */
  readonly among: readonly Device[]
}

/** Of what was done last: a tile may be somewhere else by that. */
const answer = signal({ topic: '', text: '' })

/** Where a tile is arranged: its name, room and picture, its place, and whether it is seen. */
export function TileEditor({ device, among }: TileEditorProps): JSX.Element {
  const act = async (change: () => Promise<unknown>) => {
    try {
      await change()
      answer.value = { topic: device.topic, text: t('saved') }
    } catch (error) {
      const text = reasonOf(error)
      answer.value = { topic: device.topic, text }
    }
  }
  const { title = '', room = '', icon = '', hidden = false, favorite = false } = device.label.value
  const submit = (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const given = (name: string) => String(form.get(name) ?? '').trim() || null
    const change = { title: given('title'), room: given('room'), icon: given('icon') }
    void act(() => relabel(device, change))
  }
  const id = (name: string) => `${name} ${device.topic}`
  return (
    <article class={hidden ? 'tile is-old is-arranged' : 'tile is-arranged'}>
      <TileHead device={device} />
      <form onSubmit={submit}>
        <label for={id('title')}>{t('title')}</label>
        <input id={id('title')} name="title" maxLength={128} key={title} defaultValue={title} />
        <label for={id('room')}>{t('room')}</label>
        <input
          id={id('room')}
          name="room"
          maxLength={128}
          list={id('rooms')}
          key={`in ${room}`}
          defaultValue={room}
        />
        <datalist id={id('rooms')}>
          {roomsOf(nodes.value ?? []).map((each) => (
            <option key={each} value={each} />
          ))}
        </datalist>
        <label for={id('icon')}>{t('icon')}</label>
        <select id={id('icon')} name="icon" defaultValue={icon}>
          <option value="">{t('iconAsKind')}</option>
          {iconNames.map((each) => (
            <option key={each} value={each} selected={each === icon}>
              {each}
            </option>
          ))}
        </select>
        <button type="submit">{t('save')}</button>
      </form>
      <Flag
        word="favorite"
        isSo={favorite}
        set={(isSo) => act(() => relabel(device, { favorite: isSo || null }))}
      />
      <Flag
        word="hiddenTile"
        isSo={hidden}
        set={(isSo) => act(() => relabel(device, { hidden: isSo || null }))}
      />
      <Moves device={device} among={among} move={(by) => act(() => moved(device, among, by))} />
      <p role="status" class="quiet">
        {answer.value.topic === device.topic && answer.value.text}
      </p>
    </article>
  )
}

interface FlagProps {
  readonly word: 'favorite' | 'hiddenTile'
  readonly isSo: boolean
  set(isSo: boolean): Promise<void>
}

function Flag({ word, isSo, set }: FlagProps): JSX.Element {
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={isSo}
        onChange={({ currentTarget }) => void set(currentTarget.checked)}
      />
      {t(word)}
    </label>
  )
}

function Moves({ device, among, move }: TileEditorProps & { move(by: 1 | -1): Promise<void> }) {
  const at = among.indexOf(device)
  const name = fullName(device)
  return (
    <div class="row">
      <button
        type="button"
        disabled={at === 0}
        aria-label={t('moveEarlier', { name })}
        onClick={() => void move(-1)}
      >
        <Icon name="back" />
      </button>
      <button
        type="button"
        class="is-turned"
        disabled={at === among.length - 1}
        aria-label={t('moveLater', { name })}
        onClick={() => void move(1)}
      >
        <Icon name="back" />
      </button>
    </div>
  )
}

/** Each gets the number of its place, those that have another one. */
async function moved(device: Device, among: readonly Device[], by: 1 | -1): Promise<void> {
  const order = among.filter((each) => each !== device)
  order.splice(among.indexOf(device) + by, 0, device)
  const changed = order.flatMap((each, at) =>
    each.label.peek().order === at ? [] : [{ each, at }],
  )
  for (const { each, at } of changed) await relabel(each, { order: at })
}
