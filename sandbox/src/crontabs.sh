# Unpacks the crontabs of Debian packages, and nothing else of them, into the Debian tree.
#
# usage, as a hook of mmdebstrap: sh -c crontabs.sh exec TREE
set -eu
crontabs="$1/usr/share/conductor-sandbox/crontabs"
downloads=$(mktemp --directory)
mkdir -p "$crontabs"
cd "$downloads"
APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" apt-get --quiet --quiet --option APT::Sandbox::User=root download \
    cron-daemon-common anacron atop awstats sysstat amavisd-new backupninja certbot cron-apt dirvish \
    dma e2fsprogs fcheck inn2 john logcheck mailman3 munin munin-node ntpsec-ntpviz php-common \
    rsnapshot tiger
for package in *.deb; do
    dpkg-deb --fsys-tarfile "$package" | tar --extract --directory="$crontabs" --wildcards './etc/cron*'
done
rm -r "$downloads"
