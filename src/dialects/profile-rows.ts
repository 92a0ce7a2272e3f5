/** The kinds that conventions of hardware tell of, beside those of Clown.Model: see `src/nodes/profiles/kinds.ts`. */
import type { ModelRow } from './model-row.ts'

/** A number of percent that a slider sets. */
function percent(
  row: Pick<ModelRow, 'kind' | 'key' | 'slot' | 'title'>,
  [shown, set]: readonly [genericType: string, ofSlider: string],
): ModelRow {
  const action = { name: `Set ${row.title}`, subType: 'slider', genericType: set } as const
  return {
    ...row,
    form: 'number',
    unit: '%',
    isOptional: true,
    isCommanded: true,
    jeedom: {
      subType: 'numeric',
      genericType: shown,
      unit: '%',
      actions: [{ ...action, range: [0, 100] }],
    },
    netzer: { pin: { lowest: 0, highest: 100 }, places: '' },
  }
}

/** A text that a message sets. */
function text(
  row: Pick<ModelRow, 'kind' | 'key' | 'slot' | 'title' | 'isOptional'>,
  [shown, set] = ['GENERIC_INFO', 'GENERIC_ACTION'],
): ModelRow {
  const action = { name: `Set ${row.title}`, subType: 'message', genericType: set } as const
  return {
    ...row,
    form: 'text',
    isCommanded: true,
    jeedom: { subType: 'string', genericType: shown, actions: [action] },
  }
}

/** A number with a unit, or none, that a slider sets. */
function number(
  row: Pick<ModelRow, 'kind' | 'key' | 'slot' | 'title' | 'isOptional' | 'unit' | 'deconz'>,
  [shown, set]: readonly [genericType: string, ofSlider: string],
  range?: readonly [lowest: number, highest: number],
): ModelRow {
  const slider = { name: `Set ${row.title}`, subType: 'slider', genericType: set } as const
  const unit = row.unit === '℃' ? '°C' : row.unit
  return {
    ...row,
    form: 'number',
    isCommanded: true,
    jeedom: {
      subType: 'numeric',
      genericType: shown,
      ...(unit !== undefined && { unit }),
      actions: [{ ...slider, ...(range && { range }) }],
    },
  }
}

/** Something that is turned on and off. */
function onOff(
  row: Pick<ModelRow, 'kind' | 'key' | 'slot' | 'title' | 'isOptional' | 'deconz'>,
  family: 'LIGHT' | 'ENERGY',
): ModelRow {
  return {
    ...row,
    form: 'switch',
    isCommanded: true,
    jeedom: {
      subType: 'binary',
      genericType: `${family}_STATE`,
      actions: [
        { name: 'On', subType: 'other', genericType: `${family}_ON`, asks: true },
        { name: 'Off', subType: 'other', genericType: `${family}_OFF`, asks: false },
      ],
      summary: { key: family === 'LIGHT' ? 'light' : 'outlet', of: 'switched-on' },
    },
    netzer: { pin: 'digital', places: '' },
  }
}

export const profileRows: readonly ModelRow[] = [
  onOff(
    {
      kind: 'light',
      key: 'state',
      slot: 20,
      title: 'Light',
      deconz: { resource: 'lights', type: 'On/Off light', item: 'on' },
    },
    'LIGHT',
  ),
  percent({ kind: 'light', key: 'brightness', slot: 21, title: 'Brightness' }, [
    'LIGHT_BRIGHTNESS',
    'LIGHT_SLIDER',
  ]),
  number(
    {
      kind: 'light',
      key: 'color-temp',
      slot: 22,
      title: 'Color temperature',
      unit: 'mired',
      isOptional: true,
    },
    ['LIGHT_COLOR_TEMP', 'LIGHT_SET_COLOR_TEMP'],
    [153, 500],
  ),
  {
    kind: 'light',
    key: 'color',
    slot: 23,
    form: 'text',
    title: 'Color',
    isOptional: true,
    isCommanded: true,
    jeedom: {
      subType: 'string',
      genericType: 'LIGHT_COLOR',
      actions: [{ name: 'Set Color', subType: 'color', genericType: 'LIGHT_SET_COLOR' }],
    },
  },
  text({ kind: 'light', key: 'effect', slot: 24, title: 'Effect', isOptional: true }, [
    'LIGHT_MODE_STATE',
    'LIGHT_MODE',
  ]),
  {
    kind: 'cover',
    key: 'state',
    slot: 25,
    form: 'choice',
    title: 'Cover',
    choices: ['open', 'opening', 'closed', 'closing', 'stopped'],
    // One that has stopped between the ends is not closed.
    positions: { says: ['open', 'opening', 'stopped'], on: 'open', off: 'close' },
    isCommanded: true,
    deconz: { resource: 'lights', type: 'Window covering device', item: 'open' },
    jeedom: {
      subType: 'string',
      genericType: 'GENERIC_INFO',
      actions: [
        { name: 'Up', subType: 'other', genericType: 'FLAP_UP', asks: 'open' },
        { name: 'Down', subType: 'other', genericType: 'FLAP_DOWN', asks: 'close' },
        { name: 'Stop', subType: 'other', genericType: 'FLAP_STOP', asks: 'stop' },
      ],
      summary: { key: 'shutter', of: 'switched-on' },
    },
    netzer: { pin: 'digital', places: '' },
  },
  percent({ kind: 'cover', key: 'position', slot: 26, title: 'Position' }, [
    'FLAP_STATE',
    'FLAP_SLIDER',
  ]),
  percent({ kind: 'cover', key: 'tilt', slot: 27, title: 'Tilt' }, [
    'GENERIC_INFO',
    'GENERIC_ACTION',
  ]),
  {
    kind: 'lock',
    key: 'state',
    slot: 28,
    form: 'choice',
    title: 'Lock',
    choices: ['locked', 'locking', 'unlocked', 'unlocking', 'jammed'],
    positions: { says: ['locked'], on: 'lock', off: 'unlock' },
    isCommanded: true,
    deconz: { resource: 'lights', type: 'Door Lock', item: 'on' },
    jeedom: {
      subType: 'binary',
      genericType: 'LOCK_STATE',
      actions: [
        { name: 'Lock', subType: 'other', genericType: 'LOCK_CLOSE', asks: 'lock' },
        { name: 'Unlock', subType: 'other', genericType: 'LOCK_OPEN', asks: 'unlock' },
      ],
    },
    netzer: { pin: 'digital', places: '' },
  },
  onOff(
    {
      kind: 'fan',
      key: 'state',
      slot: 29,
      title: 'Fan',
      deconz: { resource: 'lights', type: 'Fan', item: 'on' },
    },
    'ENERGY',
  ),
  percent({ kind: 'fan', key: 'speed', slot: 30, title: 'Speed' }, [
    'FAN_SPEED_STATE',
    'FAN_SPEED',
  ]),
  text({ kind: 'fan', key: 'preset', slot: 31, title: 'Preset', isOptional: true }),
  onOff(
    { kind: 'fan', key: 'oscillating', slot: 32, title: 'Oscillating', isOptional: true },
    'ENERGY',
  ),
  number(
    {
      kind: 'climate',
      key: 'setpoint',
      slot: 33,
      title: 'Setpoint',
      unit: '℃',
      deconz: {
        resource: 'sensors',
        type: 'ZHAThermostat',
        cluster: '0201',
        item: 'temperature',
      },
    },
    ['THERMOSTAT_SETPOINT', 'THERMOSTAT_SET_SETPOINT'],
    [5, 35],
  ),
  text({ kind: 'climate', key: 'mode', slot: 34, title: 'Mode' }, [
    'THERMOSTAT_MODE',
    'THERMOSTAT_SET_MODE',
  ]),
  number(
    { kind: 'climate', key: 'setpoint-low', slot: 35, title: 'Low', unit: '℃', isOptional: true },
    ['GENERIC_INFO', 'GENERIC_ACTION'],
    [5, 35],
  ),
  number(
    { kind: 'climate', key: 'setpoint-high', slot: 36, title: 'High', unit: '℃', isOptional: true },
    ['GENERIC_INFO', 'GENERIC_ACTION'],
    [5, 35],
  ),
  text({ kind: 'climate', key: 'fan-mode', slot: 37, title: 'Fan mode', isOptional: true }),
  text({ kind: 'climate', key: 'preset', slot: 38, title: 'Preset', isOptional: true }),
  {
    kind: 'climate',
    key: 'action',
    slot: 39,
    form: 'text',
    title: 'Action',
    isOptional: true,
    jeedom: { subType: 'string', genericType: 'THERMOSTAT_STATE_NAME' },
  },
  number({ kind: 'number', key: 'value', slot: 40, title: 'Number' }, [
    'GENERIC_INFO',
    'GENERIC_ACTION',
  ]),
  text({ kind: 'select', key: 'value', slot: 41, title: 'Choice' }),
  text({ kind: 'text', key: 'value', slot: 42, title: 'Text' }),
  {
    kind: 'button',
    key: 'press',
    slot: 43,
    form: 'press',
    title: 'Button',
    isCommanded: true,
    jeedom: {
      genericType: 'GENERIC_ACTION',
      actions: [{ name: 'Press', subType: 'other', genericType: 'GENERIC_ACTION', asks: {} }],
    },
  },
  {
    kind: 'binary-sensor',
    key: 'state',
    slot: 44,
    form: 'switch',
    title: 'State',
    deconz: { resource: 'sensors', type: 'CLIPGenericFlag', cluster: '0006', item: 'flag' },
    jeedom: { subType: 'binary', genericType: 'GENERIC_INFO' },
    netzer: { pin: 'digital', places: '' },
  },
]
