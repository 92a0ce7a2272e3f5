// Writes the texts in its arguments to a file in turn, as fast as it can, until it is killed.
import { writeSecret } from '../../src/core/files.ts'

const [, , path = '', ...texts] = process.argv
for (let turn = 1; ; turn++) {
  writeSecret(path, texts[turn % texts.length] ?? '')
  // By now all of the program is loaded.
  if (turn === 1) process.send?.('ready')
}
