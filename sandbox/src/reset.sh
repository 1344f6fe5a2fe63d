# Stops and forgets every conductor unit of one service manager; prints nothing if all is well.
#
# usage: sh -ec reset.sh --system|--user UNIT-DIRECTORY TIMER-STAMPS OTHER-DIRECTORY...

manager=$0 units=$1 stamps=$2
shift 2

held=$(systemctl "$manager" list-units --all --plain --no-legend 'conductor-*')
# Units and the links to them in *.wants/, and the stamps of persistent timers.
files=$(find "$units" "$stamps" "$@" -name '*conductor*' 2>/dev/null || true)
[ -n "$held$files" ] || exit 0

find "$units" -name 'conductor-*' -prune -exec rm -rf {} + 2>/dev/null || true
rm -rf "$stamps"/stamp-conductor-* "$@"

# Killed between two stops, because nobody wants to wait for TimeoutStopSec=, and a unit that is
# being stopped is not restarted.
# A unit that is gone between being listed and being stopped is an error, so only the last try counts.
systemctl "$manager" stop --no-block 'conductor-*' 2>/dev/null || true
systemctl "$manager" kill --signal=KILL 'conductor-*' 2>/dev/null || true
systemctl "$manager" stop 'conductor-*' 2>/dev/null || systemctl "$manager" stop 'conductor-*'
systemctl "$manager" daemon-reload
systemctl "$manager" reset-failed 'conductor-*'
