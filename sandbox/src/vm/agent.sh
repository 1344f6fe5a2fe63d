# Runs the scripts that the owner of the virtual machine sends, one after the other.
#
# A request is a line with two lengths, then a script and its standard input. The answer is a line with
# the exit status and two lengths, then standard output and standard error. The first line says that the
# system is up.

port=/dev/virtio-ports/agent
until [ -e $port ]; do sleep 0.1; done
exec 3<>$port
systemctl is-system-running --wait >/dev/null || true
echo up >&3

directory=$(mktemp --directory /run/vm-agent.XXXXXX)
cd "$directory"
while read -r script_length input_length <&3; do
    head --bytes="$script_length" <&3 >script
    # A large input does not fit into memory.
    head --bytes="$input_length" <&3 >/var/tmp/vm-agent.input
    status=0
    (cd / && exec env HOME=/root LANG=C.UTF-8 sh -e "$directory/script" 3>&-) \
        </var/tmp/vm-agent.input >output 2>errors || status=$?
    echo "$status $(stat --format=%s output) $(stat --format=%s errors)" >&3
    cat output errors >&3
done
