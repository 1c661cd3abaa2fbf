"""How many bytes a file lacks of what its own headers promise.

Decoders play a recording that was cut off in the middle as if it were a shorter one, so the container formats that
state their length are checked here: RIFF (WAV, AVI), AIFF, MP4/MOV boxes, Matroska/WebM, and Ogg's last page.
"""

import os
import struct
from typing import BinaryIO

UNKNOWN = (0, 0xFFFFFFFF)
"""Sizes that programs write into a header when they stream and cannot go back to correct it."""


def missing(file: BinaryIO) -> int:
    """Bytes that `file` (a whole file, sought freely) should have beyond its end; 0 where no length is stated."""
    length = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(12)
    if head[:4] in (b"RIFF", b"RIFX", b"FORM"):
        end = _riff(file, length, "<" if head[:4] == b"RIFF" else ">")
    elif head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        end = _boxes(file, length)
    elif head[:4] == b"\x1a\x45\xdf\xa3":
        end = _matroska(file)
    elif head[:4] == b"OggS":
        end = _ogg(file, length)
    else:
        end = 0
    return max(0, end - length)


def _riff(file: BinaryIO, length: int, order: str) -> int:
    """Where the last chunk ends. The whole's size is less often right than the chunks': only those are used."""
    at, end = 12, 0
    while at + 8 <= length:
        file.seek(at)
        name, size = struct.unpack(f"{order}4sI", file.read(8))
        if size in UNKNOWN or not name.isascii():
            break
        end = at + 8 + size
        at = end + size % 2
    return end


def _boxes(file: BinaryIO, length: int) -> int:
    """Where the last top-level box of an ISO base media file ends (ISO/IEC 14496-12, 4.2)."""
    at = 0
    while at + 8 <= length:
        file.seek(at)
        size, _ = struct.unpack(">I4s", file.read(8))
        if size == 1:  # a 64-bit size follows
            size = int.from_bytes(file.read(8), "big")
        if size < 8:  # 0: to the end of the file
            break
        at += size
    return at


def _matroska(file: BinaryIO) -> int:
    """Where the segment ends: the second top-level element (RFC 8794: id and size are variable-length integers)."""
    file.seek(4)
    header = _vint(file)
    file.seek(header, os.SEEK_CUR)
    if file.read(4) != b"\x18\x53\x80\x67":
        return 0
    size = _vint(file)
    return file.tell() + size if size >= 0 else 0


def _vint(file: BinaryIO) -> int:
    """An EBML size; -1 for «unknown»."""
    first = file.read(1)
    if not first or not first[0]:
        return -1
    extra = 8 - first[0].bit_length()
    value = int.from_bytes(bytes([first[0] & (0x7F >> extra)]) + file.read(extra), "big")
    return -1 if value == (1 << (7 * (extra + 1))) - 1 else value


def _ogg(file: BinaryIO, length: int) -> int:
    """Where the last page ends (RFC 3533, 6): its header lists the sizes of its segments."""
    start = max(0, length - 66_000)  # a page has at most 65,307 bytes
    file.seek(start)
    tail = file.read()
    at = tail.rfind(b"OggS")
    if at < 0 or at + 27 > len(tail):
        return 0 if at < 0 else length + 1
    count = tail[at + 26]
    table = tail[at + 27 : at + 27 + count]
    return start + at + 27 + count + sum(table) if len(table) == count else length + 1
