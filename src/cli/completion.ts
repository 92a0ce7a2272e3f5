import { parseArgs } from 'node:util'
import { HubError, quote } from '../core/errors.ts'
import { type CliCommand, jsonOption, optionsIn, printAnswer, readArguments } from './arguments.ts'
import { askHub, rowsIn } from './ask-hub.ts'
import { hubAddress, nameOfDevice, readLogins } from './hub-address.ts'
import type { Terminal } from './terminal.ts'

const usage = 'completion (bash | zsh | fish) [--json]'

type Commands = ReadonlyMap<string, () => Promise<CliCommand>>

/** The command that completes the lines of all `commands`. */
export function completionOf(commands: Commands): CliCommand {
  return {
    usage,
    summary:
      'print what a shell needs to complete commands, options, topics and devices: source <(clown-hub completion bash)',
    run: async (args, terminal) => {
      // So the scripts below ask: the words so far, of which the last one is to be completed.
      if (args[0] === '--') {
        for (const word of await candidates(args.slice(1), commands, terminal)) terminal.print(word)
        return 0
      }
      const { values, positionals } = readArguments(usage, () =>
        parseArgs({ args, options: jsonOption, allowPositionals: true }),
      )
      const script = positionals.length === 1 ? scripts[String(positionals[0])] : undefined
      if (script === undefined) {
        const sentence = `expected bash, zsh or fish, got ${quote(positionals.join(' '))}`
        throw new HubError('bad-command-line', sentence)
      }
      const value = { shell: positionals[0], script }
      printAnswer(terminal, values, { value, lines: [script] })
      return 0
    },
  }
}

const scripts: Readonly<Record<string, string>> = {
  bash: `_clown_hub() {
  local IFS=$'\\n' words
  words=("\${COMP_WORDS[@]:1:COMP_CWORD}")
  COMPREPLY=($(clown-hub completion -- "\${words[@]}" 2>/dev/null))
}
complete -o default -F _clown_hub clown-hub`,
  zsh: `#compdef clown-hub
_clown_hub() {
  local -a found
  found=("\${(@f)$(clown-hub completion -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "$found" ]]; then compadd -Q -- "\${found[@]}"; else _files; fi
}
compdef _clown_hub clown-hub`,
  fish: `function __clown_hub
  set -l words (commandline -opc) (commandline -ct)
  set -l found (clown-hub completion -- $words[2..] 2>/dev/null)
  if test (count $found) -gt 0
    printf '%s\\n' $found
  else
    __fish_complete_path (commandline -ct)
  end
end
complete -c clown-hub -f -a '(__clown_hub)'`,
}

/** Shells split lines and look for files by other characters; none of these means anything to them in a word. */
const isPlain = /^[\p{L}\p{N}_/.:@%+=,#-]+$/u

async function candidates(
  words: readonly string[],
  commands: Commands,
  terminal: Terminal,
): Promise<readonly string[]> {
  const [word = ''] = words.slice(-1)
  const before = words.slice(0, -1)
  const all = await possible(word, { before, commands }, terminal)
  return all.filter((each) => each.startsWith(word) && isPlain.test(each))
}

interface Place {
  readonly before: readonly string[]
  readonly commands: Commands
}

async function possible(word: string, { before, commands }: Place, terminal: Terminal) {
  const names = [...commands.keys()]
  const name = names.find((each) => each === before.slice(0, each.split(' ').length).join(' '))
  const usage = (await commands.get(String(name))?.())?.usage
  if (name === undefined || usage === undefined) return nextWords(names, before)
  if (word.startsWith('-')) return optionsIn(usage).filter((option) => option.startsWith('--'))
  const last = String(before.at(-1))
  if (last === '--url') return readLogins(terminal.environment).map(({ url }) => url)
  if (last.startsWith('-') && takesValue(last, usage)) return []
  const wanted = wantedBy(usage, positionalsIn(before.slice(name.split(' ').length), usage))
  return wanted === undefined ? [] : known(wanted, terminal)
}

/** The words with which names of commands go on. */
function nextWords(names: readonly string[], before: readonly string[]): string[] {
  const words = names.map((name) => name.split(' '))
  const fitting = words.filter((each) => before.every((word, at) => each[at] === word))
  return [...new Set(fitting.flatMap((each) => each.slice(before.length, before.length + 1)))]
}

function takesValue(option: string, usage: string): boolean {
  return new RegExp(`(?<![\\w-])${option} [A-Z0-9]`).test(usage)
}

/** How many arguments without a name stand before. */
function positionalsIn(words: readonly string[], usage: string): number {
  const isValue = (at: number) => at > 0 && takesValue(String(words[at - 1]), usage)
  return words.filter((word, at) => !word.startsWith('-') && !isValue(at)).length
}

/** What a usage has in the place of its argument of this number: a word such as DEVICE, or alternatives. */
function wantedBy(usage: string, at: number): string | undefined {
  const [first = ''] = usage.split(/ \| (?=[a-z]+ [A-Z])/)
  const withoutOptions = first.replace(/\[-[^\]]*\]…?/g, '').replace(/ -\S+( [A-Z]+)?/g, '')
  const places = Array.from(
    withoutOptions.matchAll(/\([^()]*\)…?|\[[^[\]]*\]|[A-Z][A-Z-]*…?/g),
    ([place]) => place,
  )
  return places[at] ?? places.findLast((place) => place.includes('…'))
}

/** How long anybody who has pressed Tab waits for a hub. */
const patienceMs = 150

async function known(wanted: string, terminal: Terminal): Promise<readonly string[]> {
  if (/DEVICE|TOPIC|FILTER/.test(wanted)) {
    const topics = await topicsOf(terminal).catch(() => [])
    return wanted.includes('DEVICE') ? topics.map(nameOfDevice) : topics
  }
  if (wanted === 'VALUE') return ['on', 'off']
  return Array.from(wanted.matchAll(/[a-z][a-z0-9-]+/g), ([word]) => word)
}

async function topicsOf({ environment }: Terminal): Promise<readonly string[]> {
  const stopped = new Promise<void>((resolve) => setTimeout(resolve, patienceMs).unref())
  const answer = await askHub(hubAddress({}, { environment }), { path: '/api/nodes' }, { stopped })
  const nodes = rowsIn(answer?.body['nodes']) ?? []
  return nodes.flatMap(({ devices }) => rowsIn(devices) ?? []).map(({ topic }) => String(topic))
}
