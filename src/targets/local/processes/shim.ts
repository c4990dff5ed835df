/** The POSIX script that every instance runs under; it is put below `home.instances` and run from there. */
export const shim: string = `#!/bin/sh
# Runs a program so that it outlives the control plane: leaves its own pid, the program's pid and later the exit code
# in the folder $1. The whole script is one function followed by exit: the shell has read all of it before it starts.
main() {
  d=$1; shift
  # Exclusive: a second shim for the same run ends here.
  set -C; : > "$d/shim" || exit 125; set +C
  echo $$ >> "$d/shim"
  # A stop goes to the whole group; the shim itself stays until it has written the exit code.
  trap : TERM INT HUP
  "$@" & c=$!
  echo $c > "$d/pid"
  wait $c; rc=$?
  while kill -0 $c 2>/dev/null; do wait $c; rc=$?; done
  # A signal to us may have ended the wait: ask again for the program's own status.
  if [ $rc -gt 128 ]; then wait $c 2>/dev/null; again=$?; [ $again -eq 127 ] || rc=$again; fi
  echo $rc > "$d/exit.tmp" && mv "$d/exit.tmp" "$d/exit"
}
main "$@"; exit
`
