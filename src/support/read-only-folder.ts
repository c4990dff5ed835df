const denied = /\bEACCES\b|\bEROFS\b|permission denied|read-only file system/i

/** Where unpacked artifacts lie below the home. */
const tree = /\/trees\/[0-9a-f]{64}\b/
const absolutePath = /(?:^|[\s'"`:(])\/\w/

/**
 * What to do when a program complains that it may not write into its release's folder, which is closed to its owner too: a file
 * there would change every instance that runs from it. Null: nothing in its output says so.
 */
export function hintOfReadOnlyFolder(lines: readonly string[]): string | null {
  const complains = lines.some((line) => denied.test(line) && (tree.test(line) || !absolutePath.test(line)))
  return complains
    ? 'the folder of a release is read-only: let the program write to a folder of its own elsewhere, named by an absolute path in `env`, or to TMPDIR'
    : null
}
