/** What a shell understands itself, and `exec` would look for in vain. */
const shellWords = new Set(
  (
    '. : ! alias bg break case cd command continue do done elif else esac eval exec exit export fg fi for function getopts ' +
    'hash if jobs local read readonly return set shift source then time times trap type ulimit umask unalias unset ' +
    'until wait while'
  )
    .split(' ')
    .filter((word) => word !== ''),
)

/**
 * The user's command for `sh -c`. One plain command takes the shell's place: then signals, pid and exit code are those
 * of the program itself. Anything that needs the shell to stay (lists, pipes, redirections, assignments) is left alone.
 */
export function shellCommand(command: string): string {
  const text = command.trim()
  const [, first] = /^("[^"]+"|'[^']+'|[\w./+@-]+)(?=\s|$)/.exec(text) ?? []
  const plain = first !== undefined && !/[;&|<>()`\n#\\]/.test(text) && !shellWords.has(first)
  return plain ? `exec ${text}` : command
}
