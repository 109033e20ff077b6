#!/usr/bin/env python3
"""Serves the host's root to one guest: share.py --fd N [--writable DIR].

Runs virtiofsd in a mount namespace of its own in which everything is read-only
except DIR, so that no guest, whatever runs in it, changes the host. Needs root;
in a user namespace overlayfs's O_NOATIME would be refused on others' files.
"""
import argparse
import ctypes
import os
import struct
import sys

VIRTIOFSD = "/usr/lib/qemu/virtiofsd"
CLONE_NEWNS = 0x20000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
SYS_MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY = 442, -100, 0x8000, 1

libc = ctypes.CDLL(None, use_errno=True)


def call(what, function, *arguments):
    if function(*arguments) != 0:
        sys.exit(f"share.py: {what}: {os.strerror(ctypes.get_errno())}")


def set_read_only(path, on):
    """mount_setattr(2), Linux 5.12: the only way to reach all mounts at once."""
    attributes = struct.pack("QQQQ", MOUNT_ATTR_RDONLY if on else 0, 0 if on else MOUNT_ATTR_RDONLY, 0, 0)
    call(f"set {path} {'read-only' if on else 'writable'}", libc.syscall, SYS_MOUNT_SETATTR, AT_FDCWD, path.encode(),
         AT_RECURSIVE if on else 0, attributes, len(attributes))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fd", type=int, required=True, help="listening socket for QEMU")
    parser.add_argument("--writable", metavar="DIR")
    arguments = parser.parse_args()

    call("make a mount namespace", libc.unshare, CLONE_NEWNS)
    call("make mounts private", libc.mount, None, b"/", None, MS_REC | MS_PRIVATE, None)
    if arguments.writable:
        folder = arguments.writable.encode()
        call(f"bind {arguments.writable}", libc.mount, folder, folder, None, MS_BIND, None)
    set_read_only("/", True)
    if arguments.writable:
        set_read_only(arguments.writable, False)

    os.set_inheritable(arguments.fd, True)
    # cache=always: the guest is the only writer of what it may write, and what
    # it reads is taken as it was when first seen. The limit on open files stays.
    os.execv(VIRTIOFSD, [VIRTIOFSD, f"--fd={arguments.fd}", "-f", "-o", "source=/", "-o", "sandbox=chroot",
                         "-o", "cache=always", "-o", "log_level=err", "--rlimit-nofile=0"])


if __name__ == "__main__":
    main()
