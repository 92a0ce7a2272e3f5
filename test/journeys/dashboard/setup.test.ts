import { join } from 'node:path'
import t from 'tap'
import { writePrivate } from '../../access/users.ts'
import { runLine } from '../../cli/run-line.ts'
import { freePort } from '../../programs.ts'
import { testFolder } from '../../test-folder.ts'
import { barriersIn, openPage } from './opened-page.ts'

t.test('a hub without users is set up by the link that it prints, in the browser', async (t) => {
  const file = join(testFolder(t), 'hub.yaml')
  writePrivate(file, 'log: { level: silent }\n')
  const httpPort = await freePort()
  const environment = {
    CLOWN_HTTP_PORT: String(httpPort),
    CLOWN_MQTT_PORT: '0',
    CLOWN_DATA_FOLDER: '',
  }
  const { output, code, stop } = runLine(`run --config ${file}`, { environment })
  const link = new URL(/http:\S+/.exec(await output.next())?.[0] ?? '')
  const opened = await openPage(t, { httpPort })
  if (opened === undefined) return stop()
  const { page, complaints } = opened
  await page.locator('h1', { hasText: 'This hub has no users yet.' }).waitFor()
  t.same(await barriersIn(page), [])
  await page.goto(`http://127.0.0.1:${httpPort}/?a${link.hash}`)
  await page.fill('#password', 'a long password')
  t.same(await barriersIn(page), [])
  await page.click('form button')
  await page.waitForSelector('.you')
  t.match(await page.locator('.you').textContent(), /admin/)
  t.same(complaints, [])
  await page.close()
  stop()
  t.equal(await code, 0)
})
