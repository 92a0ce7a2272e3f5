import t from 'tap'
import { rtl433 } from '../../src/profiles/rtl433.ts'
import { profileContract } from './contract.ts'
import { playTo } from './play.ts'

t.test('rtl_433', async (t) => profileContract(t, () => rtl433, { files: ['rtl_433'] }))

t.test('fields have the units that their names end in', async (t) => {
  const { hear, devices } = playTo(rtl433)
  const says = (field: string, text: string) => hear(`rtl_433/pi/devices/Wind/3/${field}`, text)
  for (const [field, text] of [
    ...[['wind_avg_m_s', '3.5'] as const, ['wind_max_km_h', '12'] as const],
    ...[['pressure_hPa', '1013'] as const, ['rain_mm', ''] as const, ['id', '3'] as const],
    ...[['moisture', '40'] as const, ['button_code', '7'] as const],
  ] as const) {
    says(field, text)
  }
  t.same(devices.get('Wind/3')?.values, {
    ...{ 'wind-avg': [3.5, 'm/s'], 'wind-max': [12, 'km/h'], pressure: [1013, 'hPa'] },
    ...{ moisture: [40, '%'] },
  })
  hear('rtl_433/pi/devices/humidity', '3')
  hear('rtl_433/pi/availability', 'perhaps', true)
  hear('rtl_433/pi/availability', 'online', true)
  hear('rtl_433/other/availability', 'offline', true)
  t.equal(devices.get('Wind/3')?.isAvailable, true)
  says('temperature_C', '1')
  t.equal(devices.size, 1)
})
