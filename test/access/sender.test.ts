import t from 'tap'
import { createOutsider } from '../../src/access/sender.ts'
import { changingDirectory, userNamed } from './changing-directory.ts'

t.test('who speaks past the hub is looked up anew only when users have changed', async (t) => {
  const panel = userNamed('panel', { role: 'operator' })
  const directory = changingDirectory(panel)
  const outsider = createOutsider(directory, 'panel', 'observed')
  t.match(outsider(), { user: 'panel', way: 'observed' })
  t.ok(outsider().rights.mayPublish('nodes/a/relay/0/set', false).allowed)
  t.equal(outsider(), outsider(), 'rights are built once, not for each message')
  directory.change(userNamed('panel', { role: 'viewer' }))
  t.notOk(outsider().rights.mayPublish('nodes/a/relay/0/set', false).allowed)
  directory.change()
  t.match(outsider(), { user: 'unknown' })
})
