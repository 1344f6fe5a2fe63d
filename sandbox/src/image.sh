# Makes the application that tests run, inside the Debian tree and out of its static busybox.
#
# usage: chroot TREE sh -eu <image.sh
#
# It is in /usr/share/conductor-sandbox three times: unpacked as `root`, for RootDirectory=; as the disk
# image `app.squashfs`, for RootImage=; and as `app.tar`, which `docker load` and `podman load` take, as
# localhost/app with the tags v1 and v2, which differ in the variable VERSION.

umask 022
directory=/usr/share/conductor-sandbox
root=$directory/root
mkdir -p $root
cd $root
mkdir -p dev etc home/app mnt proc root run srv sys tmp usr/bin var/lib var/tmp
# systemd looks for programs in /usr/bin, everybody else in /bin, too.
ln -s usr/bin bin
ln -s usr/bin sbin
ln -s bin usr/sbin
chmod 1777 tmp var/tmp
chown 1000:1000 home/app
cp /usr/bin/busybox usr/bin/
for applet in $(busybox --list); do
    [ "$applet" = busybox ] || ln -s busybox "usr/bin/$applet"
done
printf '%s\n' root:x:0:0:root:/root:/bin/sh app:x:1000:1000:app:/home/app:/bin/sh >etc/passwd
printf '%s\n' root:x:0: app:x:1000: >etc/group
printf '%s\n' ID=conductor-app 'NAME="An application for tests"' >etc/os-release
# Mount points for what engines and systemd bring along.
touch etc/hostname etc/hosts etc/resolv.conf etc/machine-id etc/localtime

cat >usr/bin/server <<'END'
#!/bin/sh
# A small web server; listens on PORT (80), or on `server ADDRESS:PORT`.
#
# GET / answers VERSION, GET /cgi-bin/env the environment, and GET /health answers once DELAY (0)
# seconds are over, for as long as nobody removes $WWW/health (WWW is /tmp/www).
set -eu
export WWW="${WWW:-/tmp/www}"
mkdir -p "$WWW/cgi-bin"
echo "${VERSION:-unknown}" >"$WWW/index.html"
printf '%s\n' '#!/bin/sh' 'printf "Content-Type: text/plain\r\n\r\n"' 'exec env' >"$WWW/cgi-bin/env"
chmod +x "$WWW/cgi-bin/env"
rm -f "$WWW/health"
healthy() { echo healthy >"$WWW/health"; }
if [ "${DELAY:-0}" = 0 ]; then
    healthy
else
    (sleep "$DELAY" && healthy) &
fi
exec httpd -f -h "$WWW" -p "${1:-${PORT:-80}}"
END
chmod +x usr/bin/server

mksquashfs $root $directory/app.squashfs -quiet -no-progress

# The archive that `docker save` writes, of which loading needs only this.
archive=$(mktemp -d)
cd "$archive"
tar --create --numeric-owner --file=layer.tar --directory=$root .
layer=$(sha256sum layer.tar | cut -d ' ' -f 1)
images=
for version in v1 v2; do
    cat >config.json <<END
{"architecture": "$(dpkg --print-architecture)", "os": "linux", "created": "2025-01-01T00:00:00Z",
 "config": {"Cmd": ["server"], "Env": ["PATH=/usr/sbin:/usr/bin", "VERSION=$version"]},
 "rootfs": {"type": "layers", "diff_ids": ["sha256:$layer"]}}
END
    config=$(sha256sum config.json | cut -d ' ' -f 1).json
    mv config.json "$config"
    images="$images${images:+, }
 {\"Config\": \"$config\", \"RepoTags\": [\"localhost/app:$version\"], \"Layers\": [\"layer.tar\"]}"
done
echo "[$images]" >manifest.json
tar --create --file=$directory/app.tar ./*.json layer.tar
rm -rf "$archive"
