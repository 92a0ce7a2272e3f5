import type { User } from '../access/user.ts'
import { hashInlineUsers } from '../access/user-directory.ts'
import { readUsersFile } from '../access/users-file.ts'
import type { Config } from '../config.ts'

/** All users of a configuration, those of its file too. Nobody can sign in with these hashes. */
export async function knownUsers({ users, usersFile }: Config): Promise<User[]> {
  const inline = await hashInlineUsers(users, async () => 'a password')
  return usersFile === undefined ? inline : [...inline, ...readUsersFile(usersFile)]
}
