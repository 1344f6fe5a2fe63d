"""Writes Debian packages of this system, and all that they depend on, as a tar archive to standard output.

The engines can import it as an image. usage: python3 debian_image.py PACKAGE...
"""

import os
import re
import subprocess
import sys

# What every image needs: a shell, its tools, users, and the links from /bin to /usr/bin.
BASE = ["base-files", "base-passwd", "coreutils", "dash", "grep", "sed", "debianutils", "init-system-helpers"]
# Documentation, and what PostgreSQL only needs to compile queries.
LEFT_OUT = re.compile(r"/usr/share/(doc|man|locale|i18n|perl)/|/lib/postgresql/.*/bitcode/|libLLVM|libz3|llvmjit")
# What no package owns: the caches, users and links that their scripts made.
OTHERS = ["/bin", "/sbin", "/lib", "/lib64", "/etc/passwd", "/etc/group", "/etc/shadow", "/etc/ld.so.cache", "/etc/alternatives"]


def lines(*command):
    """Returns the lines that a command prints."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()


def closure(wanted):
    """Returns packages and all that they depend on; of alternatives, those that are installed."""
    fields = "${Package}\t${Provides}\t${Pre-Depends},${Depends}\n"
    depends, provided = {}, {}
    for line in lines("dpkg-query", "--show", f"--showformat={fields}"):
        package, provides, needs = line.split("\t")
        depends[package] = re.findall(r"(?:^|[,|])\s*([^\s:(,|]+)", needs)
        provided.update({name: package for name in re.findall(r"(?:^|,)\s*([^\s(,]+)", provides)})
    found, left = set(), list(wanted)
    while left:
        package = left.pop()
        package = package if package in depends else provided.get(package)
        if package and package not in found:
            found.add(package)
            left += depends[package]
    return found


def in_real_directory(path):
    """Returns a path without links in its directory: Debian 12's packages list /bin/cat, though /bin is a link."""
    directory, name = os.path.split(path)
    return os.path.join(os.path.realpath(directory), name)


listed = {line for line in lines("dpkg", "--listfiles", *closure(BASE + sys.argv[1:])) if line.startswith("/")}
files = {in_real_directory(path) for path in listed.union(OTHERS)}
kept = sorted(path for path in files if not LEFT_OUT.search(path + "/"))
tar = ["tar", "--create", "--no-recursion", "--ignore-failed-read", "--directory=/", "--null", "--files-from=-"]
subprocess.run(tar, check=True, input="\0".join(path.lstrip("/") for path in kept if path != "/."), text=True)
