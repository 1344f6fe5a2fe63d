# Puts Docker's plugin for Compose, as Debian trixie has it, into a directory, unless it is there.
#
# usage: sh -euc compose.sh DIRECTORY
#
# The sandbox has no network, and this machine may be another Debian: so apt works on a state of its own.

directory=$0
[ ! -e "$directory/docker-compose" ] || exit 0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
chmod 755 "$scratch"
cd "$scratch"
mkdir -p state/lists/partial cache/archives/partial
echo "deb http://deb.debian.org/debian trixie main" >sources.list
cat >apt.conf <<END
Dir::Etc::sourcelist "$scratch/sources.list";
Dir::Etc::sourceparts "-";
Dir::State "$scratch/state";
Dir::State::status "/dev/null";
Dir::Cache "$scratch/cache";
APT::Sandbox::User "root";
END
export APT_CONFIG="$scratch/apt.conf"
apt-get --quiet update >/dev/null
apt-get --quiet download docker-compose >/dev/null
dpkg-deb --extract docker-compose_*.deb tree
mkdir -p "$directory"
mv tree/usr/libexec/docker/cli-plugins/docker-compose "$directory/"
