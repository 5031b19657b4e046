"""The records of a zip file, as its specification (APPNOTE 6.3.10, section 4.3) lays them out."""

from __future__ import annotations

from struct import Struct
from typing import Final

LOCAL: Final = Struct("<4s5H3I2H")
"""signature, version needed, flags, method, time, date, CRC, packed, size, name length, extra length"""
LOCAL_SIGNATURE: Final = b"PK\x03\x04"

CENTRAL: Final = Struct("<4s2B5H3I5H2I")
"""signature, version made by, system, version needed, flags, method, time, date, CRC, packed, size, name length,
extra length, comment length, disk, internal attributes, external attributes, offset of the local header"""
CENTRAL_SIGNATURE: Final = b"PK\x01\x02"

END: Final = Struct("<4s4H2IH")
"""signature, disk, disk of the directory, entries on this disk, entries, directory size, directory offset, comment
length"""
END_SIGNATURE: Final = b"PK\x05\x06"
MAX_COMMENT_BYTES: Final = 0xFFFF
BLOCK_BYTES: Final = 512
MAX_PADDING_BYTES: Final = 20 * BLOCK_BYTES
"""What tape archivers write at once; less than that are the zeros which fill up the last."""

END64: Final = Struct("<4sQ2H2I4Q")
"""signature, size of what follows, version made by, version needed, then as in ``END`` without the comment"""
END64_SIGNATURE: Final = b"PK\x06\x06"
LOCATOR64: Final = Struct("<4sIQI")
"""signature, disk of the zip64 end record, its offset, disks"""
LOCATOR64_SIGNATURE: Final = b"PK\x06\x07"

DESCRIPTOR: Final = Struct("<3I")
"""CRC, packed, size"""
DESCRIPTOR64: Final = Struct("<I2Q")
DESCRIPTOR_SIGNATURE: Final = b"PK\x07\x08"

VERSION_KNOWN: Final = 63
"""The newest version of the format, times ten. What is stored or deflated needs 4.5 at most."""

PLAIN_FILE: Final = 0o100644 << 16
EXECUTABLE_FILE: Final = 0o100755 << 16
PRIVATE_FILE: Final = 0o100600 << 16
PRIVATE_EXECUTABLE_FILE: Final = 0o100700 << 16
PRIVATE: Final = frozenset([PRIVATE_FILE, PRIVATE_EXECUTABLE_FILE])
AS_PACKED: Final = frozenset([PLAIN_FILE, EXECUTABLE_FILE, *PRIVATE])
"""The modes that we write; the private ones into the cache alone."""
"""The external attributes that we write. No flipped bit makes one of the other."""

STORED: Final = 0
DEFLATED: Final = 8

FLAG_LEVEL: Final = 0b110
"""How hard the compressor tried."""
FLAG_DESCRIPTOR: Final = 1 << 3
"""CRC and sizes stand behind the data."""
FLAG_UTF8: Final = 1 << 11
FLAG_ENCRYPTED: Final = 1 << 0 | 1 << 6 | 1 << 13

SYSTEM_UNIX: Final = 3
SYSTEM_DARWIN: Final = 19

EXTRA_ZIP64: Final = 0x0001
EXTRA_UNICODE_PATH: Final = 0x7075
SATURATED: Final = 0xFFFFFFFF
"""In a 32-bit field: the value stands in the zip64 extra field."""
SATURATED_COUNT: Final = 0xFFFF
