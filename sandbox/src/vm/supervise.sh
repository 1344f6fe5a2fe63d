# Runs one virtual machine until its owner says so or dies.
#
# usage: sh -c supervise.sh DIRECTORY QEMU...
#
# Standard output is a socket to the owner, for the machine's agent. Standard input is a pipe on which
# the owner writes `keep` when the machine's disk, in DIRECTORY, is needed again. End of file means that
# it let go or died, however it died.

# An emulated processor needs one for itself, beside tests that start hundreds of processes. Where every
# session has its share of the processors, it is the session's niceness that counts (sched(7)).
setsid sh -c 'echo -20 >/proc/self/autogroup || true; exec nice -n -20 "$@"' sh "$@" \
    <&1 2>>"$0/console" &
machine=$!
exec >/dev/null
order=
read -r order || true
kill -KILL "$machine" 2>/dev/null || true
wait "$machine" || true
[ "$order" = keep ] || rm -rf "$0"
