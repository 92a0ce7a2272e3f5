import { useSignal } from '@preact/signals'
import type { JSX, TargetedSubmitEvent } from 'preact'
import { Copyable } from '../copyable.tsx'
import { Problem, SureButton } from '../parts.tsx'
import { useChange, usePolled } from '../polled.ts'
import { session } from '../session.ts'
import { t } from '../words.ts'

interface Rule {
  readonly allow?: readonly string[]
  readonly deny?: readonly string[]
  readonly topic: string
}

interface ListedUser {
  readonly user: string
  readonly role?: string
  readonly base?: string
  readonly rules: readonly Rule[]
  readonly isInFile: boolean
  readonly hasPassword: boolean
  readonly hasCode: boolean
  readonly tokens: readonly { readonly name: string; readonly created: string }[]
}

interface Listed {
  readonly users: readonly ListedUser[]
  readonly roles: readonly { readonly name: string; readonly rules: readonly Rule[] }[]
  readonly kinds: readonly string[]
}

const exampleRule = 'read,command:nodes/#'
const exampleTopic = 'house/plug'

/** What is shown this once. */
interface Secret {
  readonly user: string
  readonly text: string
}

/** Who may sign in, and what each of them may do: for admins. */
export function Users(): JSX.Element | null {
  const { value: listed, load } = usePolled<Listed>('api/users')
  const { problem, change } = useChange(load)
  const secret = useSignal<Secret | undefined>(undefined)
  if (listed === undefined) return null
  const roles = ['viewer', 'operator', 'admin', 'node', ...listed.roles.map(({ name }) => name)]
  const act = async (path: string, body: { user: string; [key: string]: unknown }) => {
    const answer = await change<{ password?: string; token?: string }>(`api/${path}`, body)
    const text = answer?.password ?? answer?.token
    secret.value = text === undefined ? undefined : { user: body.user, text }
    return answer !== undefined
  }
  return (
    <section class="users">
      <h2>{t('users')}</h2>
      <Problem text={problem.value} />
      {secret.value !== undefined && (
        <div class="secret" role="status">
          <p>{t('secretOnce', { user: secret.value.user })}</p>
          <Copyable text={secret.value.text} />
        </div>
      )}
      <ul class="cards">
        {listed.users.map((user) => (
          <li key={user.user}>
            <UserCard user={user} roles={roles} act={act} />
          </li>
        ))}
      </ul>
      <AddUser kinds={listed.kinds} roles={roles} act={act} />
      <Roles roles={listed.roles} />
    </section>
  )
}

/** What each role of the users file may do; the hub's own are in its documentation. */
function Roles({ roles }: Pick<Listed, 'roles'>): JSX.Element | null {
  if (roles.length === 0) return null
  return (
    <details class="more">
      <summary>{t('roles')}</summary>
      {roles.map(({ name, rules }) => (
        <>
          <h3>{name}</h3>
          <pre class="rules">{rulesText(rules)}</pre>
        </>
      ))}
    </details>
  )
}

type Act = (path: string, body: { user: string; [key: string]: unknown }) => Promise<boolean>

interface UserCardProps {
  readonly user: ListedUser
  readonly roles: readonly string[]
  readonly act: Act
}

function UserCard({ user, roles, act }: UserCardProps): JSX.Element {
  const { user: name, role, base, rules, isInFile, tokens } = user
  const isYou = session.value.is === 'in' && session.value.user === name
  return (
    <details>
      <summary>
        <strong>{name}</strong>
        <span class="quiet">{[role ?? t('noRole'), base].filter(Boolean).join(' · ')}</span>
      </summary>
      {rules.length > 0 && <pre class="rules">{rulesText(rules)}</pre>}
      {isInFile ? (
        <>
          <ChangeUser
            key={`${role} ${rulesText(rules)}`}
            user={user}
            roles={roles}
            act={act}
            isYou={isYou}
          />
          <Tokens user={name} tokens={tokens} act={act} />
          <p class="row">
            <SureButton
              text={t('makePassword')}
              about={name}
              onSure={() => void act('change-user', { user: name, newPassword: true })}
            />
            <SureButton
              text={t('signOutEverywhere')}
              about={name}
              onSure={() => void act('disconnect', { user: name })}
            />
            {!isYou && (
              <SureButton
                text={t('removeUser')}
                about={name}
                onSure={() => void act('remove-user', { user: name })}
              />
            )}
          </p>
        </>
      ) : (
        <p class="quiet">{t('inConfiguration')}</p>
      )}
    </details>
  )
}

function ChangeUser({ user, roles, act, isYou }: UserCardProps & { isYou: boolean }): JSX.Element {
  const { user: name, role = '', base = '', rules } = user
  const submit = (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const newBase = String(form.get('base'))
    void act('change-user', {
      user: name,
      ...(!isYou && { role: form.get('role') || null }),
      ...(newBase !== base && { base: newBase || null }),
      rules: rulesIn(String(form.get('rules'))),
    })
  }
  return (
    <form class="fields" onSubmit={submit}>
      {!isYou && <RoleField id={`role-${name}`} roles={roles} value={role} />}
      <label for={`base-${name}`}>{t('baseOfNode')}</label>
      <input id={`base-${name}`} name="base" defaultValue={base} spellcheck={false} />
      <RulesField id={`rules-${name}`} value={rulesText(rules)} />
      <button type="submit">{t('save')}</button>
    </form>
  )
}

interface RoleFieldProps {
  readonly id: string
  readonly roles: readonly string[]
  readonly value: string
}

function RoleField({ id, roles, value }: RoleFieldProps): JSX.Element {
  return (
    <>
      <label for={id}>{t('role')}</label>
      <select id={id} name="role">
        <option value="">{t('noRole')}</option>
        {roles.map((each) => (
          <option key={each} value={each} selected={each === value}>
            {each}
          </option>
        ))}
      </select>
    </>
  )
}

function RulesField({ id, value = '' }: { id: string; value?: string }): JSX.Element {
  return (
    <>
      <label for={id}>{t('rules')}</label>
      <textarea
        id={id}
        name="rules"
        rows={Math.min(8, value.split('\n').length + 1)}
        defaultValue={value}
        placeholder={exampleRule}
        spellcheck={false}
        aria-describedby={`${id}-hint`}
      />
      <small id={`${id}-hint`} class="quiet">
        {t('rulesHint')}
      </small>
    </>
  )
}

interface TokensProps {
  readonly user: string
  readonly tokens: ListedUser['tokens']
  readonly act: Act
}

function Tokens({ user, tokens, act }: TokensProps): JSX.Element {
  const submit = (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = event.currentTarget
    const name = new FormData(form).get('name')
    void act('add-token', { user, name }).then((isDone) => isDone && form.reset())
  }
  return (
    <>
      <h3>{t('tokens')}</h3>
      {tokens.length > 0 && (
        <ul class="node-list">
          {tokens.map(({ name, created }) => (
            <li key={name}>
              <span>{name}</span>
              <span class="quiet">{created.slice(0, 10)}</span>
              <SureButton
                text={t('endLink')}
                about={name}
                onSure={() => void act('remove-token', { user, name })}
              />
            </li>
          ))}
        </ul>
      )}
      <form class="row" onSubmit={submit}>
        <input
          name="name"
          required
          maxLength={64}
          aria-label={t('tokenFor')}
          placeholder={t('tokenFor')}
        />
        <button type="submit">{t('addToken')}</button>
      </form>
    </>
  )
}

interface AddUserProps {
  readonly kinds: readonly string[]
  readonly roles: readonly string[]
  readonly act: Act
}

function AddUser({ kinds, roles, act }: AddUserProps): JSX.Element {
  const submit = (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = event.currentTarget
    const fields = new FormData(form)
    const given = (name: string) => String(fields.get(name)).trim()
    const topics = given('topics').split(/\s+/).filter(Boolean)
    void act('add-user', {
      user: given('user'),
      ...(given('role') !== '' && { role: given('role') }),
      ...(given('base') !== '' && { base: given('base') }),
      ...(given('kind') !== '' && { kind: given('kind') }),
      ...(given('kind') !== '' && topics.length > 0 && { topics }),
      rules: rulesIn(given('rules')),
    }).then((isDone) => isDone && form.reset())
  }
  return (
    <details class="more">
      <summary>{t('addUser')}</summary>
      <form class="fields" onSubmit={submit}>
        <label for="new-user">{t('title')}</label>
        <input
          id="new-user"
          name="user"
          required
          maxLength={64}
          autocomplete="off"
          autocapitalize="none"
        />
        <RoleField id="new-role" roles={roles} value="" />
        <label for="new-base">{t('baseOfNode')}</label>
        <input id="new-base" name="base" spellcheck={false} />
        <label for="new-kind">{t('kindOfProgram')}</label>
        <select id="new-kind" name="kind">
          <option value="">–</option>
          {kinds.map((kind) => (
            <option key={kind} value={kind}>
              {kind}
            </option>
          ))}
        </select>
        <label for="new-topics">{t('topicsOfProgram')}</label>
        <input id="new-topics" name="topics" spellcheck={false} placeholder={exampleTopic} />
        <RulesField id="new-rules" />
        <button type="submit" class="primary">
          {t('addUser')}
        </button>
      </form>
    </details>
  )
}

/** A line a part of a rule, as `clown-hub user allow` takes it; what is denied has an exclamation mark. */
function rulesText(rules: readonly Rule[]): string {
  return rules
    .flatMap(({ allow = [], deny = [], topic }) => [
      ...(allow.length > 0 ? [`${allow.join(',')}:${topic}`] : []),
      ...(deny.length > 0 ? [`!${deny.join(',')}:${topic}`] : []),
    ])
    .join('\n')
}

function rulesIn(text: string): Rule[] {
  const lines = text.split('\n').map((line) => line.trim())
  return lines.filter(Boolean).map((line) => {
    const [, isDenied, words = '', topic = ''] = /^(!?)([^:]*):?(.*)$/.exec(line) ?? []
    const actions = words.split(',').map((word) => word.trim())
    return isDenied ? { deny: actions, topic } : { allow: actions, topic }
  })
}
