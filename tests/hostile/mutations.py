"""Changes a valid file into one that nobody would write, inside its form where that is known."""

import io
import json
import random
import struct
import zipfile
import zlib

_PNG = b"\x89PNG\r\n\x1a\n"

_NUMBERS = (0, 1, 2, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 2**20, 2**24, 2**31 - 1, 2**31, 2**32 - 1)

_WORDS = (
    b"",
    b"0",
    b"-1",
    b"3",
    b"nan",
    b"inf",
    b"1e999",
    b"1.5",
    b"9" * 400,
    b"9" * 5000,
    b"../../x",
    b"..\\..\\x",
    b"/etc/passwd",
    b"C:x",
    b"CON",
    b"a\0b",
    b'"',
    b"'",
    b",",
    b";",
    b"\n",
    b"\r",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xe2\x80\xa8",
    b"\xed\xa0\x80",
    "٣".encode(),
    "É".encode(),
    b"A" * 300,
    b"a/" * 3000,
    b"{}",
    b"[]",
    b"null",
    b"true",
    b"[" * 3000,
    b"<!DOCTYPE a [<!ENTITY b 'c'>]>",
    b"A1:XFD1048576",
    b"XFD1048576",
    b"99999999999",
)

_VALUES = (
    *(None, True, False, 0, -1, 1, 7, 2**31, 2**63, 10**12, 1.5, -0.5, 1e308, float("nan"), float("inf")),
    *("", "x", "../../x", "/etc/passwd", "a\0b", "\ud800", "A" * 300, "9" * 5000),
    *([], [[]], [0], ["a", "a"], {}, {"": None}, {"config": {}}, [None] * 50),
)


def mutate(content: bytes, rng: random.Random, most: int = 4) -> bytes:
    """Returns `content` with one to `most` changes."""
    for _ in range(rng.choice((1, 1, 1, 2, most))):
        content = _change(content, rng)
    return content


def _change(content, rng):
    # One in four is blind: it damages the form itself.
    if rng.randint(0, 3):
        if content.startswith(b"PK\x03\x04"):
            return _in_archive(content, rng)
        if content.startswith(_PNG):
            return _in_png(content, rng)
        if content[:1] in b"{[" and content:
            return _in_json(content, rng)
        if b"\0" not in content[:200]:
            return _in_text(content, rng)
    return _blind(content, rng)


def _blind(content, rng):
    """Bytes that are other ones, removed, repeated, or a number in another form."""
    content = bytearray(content)
    start = rng.randint(0, len(content))
    kind = rng.randint(0, 6)
    if kind == 0 and start < len(content):
        content[start] ^= 1 << rng.randint(0, 7)
    elif kind == 1:
        del content[start : start + rng.choice((1, 2, 8, 100))]
    elif kind == 2:
        content[start:start] = rng.choice(_WORDS)
    elif kind == 3:
        del content[start:]
    elif kind == 4:
        content[start:start] = content[start : start + rng.choice((1, 8, 100, 1000))]
    elif kind == 5:
        number = rng.choice(_NUMBERS)
        form = rng.choice(("<I", ">I", "<H", ">H", "B"))
        packed = struct.pack(form, number & (256 ** struct.calcsize(form) - 1))
        content[start : start + len(packed)] = packed
    else:
        content[start : start + 8] = struct.pack("<Q", rng.choice((2**31, 2**40, 2**62, 2**64 - 1, 0)))
    return bytes(content)


def _in_text(content, rng):
    """Words and lines that are others, doubled or gone."""
    kind = rng.randint(0, 4)
    if kind == 0:
        lines = content.splitlines(keepends=True)
        if lines:
            place = rng.randint(0, len(lines) - 1)
            lines[place : place + 1] = [lines[place]] * rng.choice((0, 2, 50))
        return b"".join(lines)
    words = _split(content)
    place = rng.randint(0, len(words) - 1)
    words[place] = rng.choice(_WORDS) if kind < 4 else words[rng.randint(0, len(words) - 1)]
    return b"".join(words)


def _split(content):
    """Words and what stands between them, so that both can be changed."""
    words, word = [], bytearray()
    for byte in content:
        if bytes([byte]) in b" ,;\n\r\t<>=/\"'_.":
            words += [bytes(word), bytes([byte])]
            word = bytearray()
        else:
            word.append(byte)
    return [*words, bytes(word)]


def _in_json(content, rng):
    """Another value, name or nothing somewhere; text where it is no JSON any more."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return _in_text(content, rng)
    places = []
    _find_places(value, places)
    if not places:
        return _in_text(content, rng)
    holder, key = places[rng.randint(0, len(places) - 1)]
    kind = rng.randint(0, 5)
    if kind == 0:
        del holder[key]
    elif kind == 1 and isinstance(holder, dict):
        holder[rng.choice(("", "x", "../../x", "\ud800", "class_name"))] = holder.pop(key)
    elif kind == 2:
        other, name = places[rng.randint(0, len(places) - 1)]
        holder[key] = json.loads(json.dumps(other[name]))
    elif kind == 3 and isinstance(holder[key], (int, float)) and not isinstance(holder[key], bool):
        holder[key] *= rng.choice((-1, 0, 10, 1000, 10**6, 0.5))
    else:
        holder[key] = rng.choice(_VALUES)
    return json.dumps(value).encode()


def _find_places(value, places):
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        places.append((value, key))
        _find_places(inner, places)


def _in_archive(content, rng):
    """A member that is changed, gone, doubled or called otherwise; perhaps compressed."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [(entry.filename, archive.read(entry)) for entry in archive.infolist()]
            packed = any(entry.compress_type for entry in archive.infolist())
    except Exception:
        return _blind(content, rng)  # it was damaged before
    if not members:
        return _blind(content, rng)
    place = rng.randint(0, len(members) - 1)
    name, inner = members[place]
    kind = rng.randint(0, 11)
    if kind == 0:
        del members[place]
    elif kind == 1:
        members.append((name, members[rng.randint(0, len(members) - 1)][1]))
    elif kind == 2:
        members[place] = (rng.choice(("../../x", "/etc/x", "x", "config.json", "assets/../../x")), inner)
    elif kind == 3:
        packed = not packed
    else:
        members[place] = (name, _change(inner, rng))
    changed = io.BytesIO()
    with zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED) as archive:
        for name, inner in members:
            archive.writestr(zipfile.ZipInfo(name), inner, archive.compression)
    return changed.getvalue()


def _in_png(content, rng):
    """A chunk that is changed, gone or doubled, with its right checksum."""
    chunks, position = [], len(_PNG)
    while position + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, position)
        chunks.append((content[position + 4 : position + 8], content[position + 8 : position + 8 + length]))
        position += 12 + length
    if not chunks:
        return _blind(content, rng)
    place = rng.randint(0, len(chunks) - 1)
    name, inner = chunks[place]
    kind = rng.randint(0, 5)
    if kind == 0:
        del chunks[place]
    elif kind == 1:
        chunks.insert(rng.randint(0, len(chunks)), (name, inner))
    elif kind == 2:
        name = rng.choice((b"IHDR", b"PLTE", b"tRNS", b"acTL", b"fcTL", b"iCCP", b"zTXt", b"eXIf", b"IDAT"))
        chunks.insert(place, (name, inner))
    elif kind == 3 and name == b"IDAT":
        try:
            chunks[place] = (name, zlib.compress(_blind(zlib.decompress(inner), rng)))
        except zlib.error:
            chunks[place] = (name, _blind(inner, rng))
    else:
        chunks[place] = (name, _blind(inner, rng))
    return _PNG + b"".join(
        struct.pack(">I", len(inner)) + name + inner + struct.pack(">I", zlib.crc32(name + inner))
        for name, inner in chunks
    )
