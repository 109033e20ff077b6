#!/usr/bin/env python3
"""Unpacks the vmlinux inside a bzImage: vmlinux.py BZIMAGE VMLINUX.

QEMU starts an uncompressed kernel directly (PVH), which saves the seconds that
the image's own unpacking takes under emulation. The offsets are those of the
x86 boot protocol, Documentation/arch/x86/boot.rst.
"""
import lzma
import struct
import subprocess
import sys

UNPACKERS = {b"\x28\xb5\x2f\xfd": "zstd", b"\x02\x21\x4c\x18": "lz4", b"\x1f\x8b\x08": "gzip"}


def vmlinux_of(image):
    if image[0x202:0x206] != b"HdrS":
        sys.exit("vmlinux.py: not a bzImage")
    setup_sectors = image[0x1F1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (setup_sectors + 1) * 512 + offset
    # The payload ends in four bytes that give the unpacked size.
    payload, (size,) = image[start:start + length - 4], struct.unpack_from("<I", image, start + length - 4)
    for magic, program in UNPACKERS.items():
        if payload.startswith(magic):
            unpacked = subprocess.run([program, "-dcq"], input=payload, stdout=subprocess.PIPE, check=True).stdout
            break
    else:
        unpacked = lzma.decompress(payload)
    if len(unpacked) != size or not unpacked.startswith(b"\x7fELF"):
        sys.exit("vmlinux.py: the payload is no vmlinux")
    return unpacked


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as source:
        unpacked = vmlinux_of(source.read())
    with open(sys.argv[2], "wb") as target:
        target.write(unpacked)
