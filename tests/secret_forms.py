"""The forms in which a secret may stand in a text, and the search for what is left of one. Used to make stand-ins echo
secrets and to prove that nothing of them is kept."""

import base64
import html
import json
import re
import secrets
import string
from html.entities import codepoint2name
from urllib.parse import quote, quote_plus

SPECIALS = "\"'<&>+/= \\%é"


def canary(specials=SPECIALS):
    """A secret whose two halves are found again by `traces_in`, with characters between them that encodings change."""
    alphabet = string.ascii_letters + string.digits
    first, last = ("".join(secrets.choice(alphabet) for _ in range(14)) for _ in range(2))
    return f"{first}{specials}{last}"


def json_text(text, **options):
    return json.dumps(text, **options)[1:-1]


def with_unicode_escapes(text, letters="04X"):
    """As ASP.NET and Go write JSON: these characters as \\uXXXX."""
    escaped = json_text(text.translate({ord(c): f"\0{ord(c):{letters}}" for c in "\"'<>&+"}))
    return escaped.replace("\\u0000", "\\u")


def base64_at(text, offset):
    """Base64 of a longer text in which the secret begins `offset` bytes after a group of three."""
    return base64.b64encode(b"abc" + b"x" * offset + text.encode() + b" and more").decode()


def lines(text, end, width=20):
    """As MIME and PEM break base64, in shorter lines."""
    return end.join(text[at : at + width] for at in range(0, len(text), width))


def encodings(secret):
    """Every form that docs/api.md names, as {name: text}."""
    data = secret.encode()
    return {
        "raw": secret,
        "json": json_text(secret),
        "json_utf8": json_text(secret, ensure_ascii=False),
        "json_slashes": json_text(secret).replace("/", "\\/"),
        "json_unicode_escapes": with_unicode_escapes(secret),
        "json_unicode_escapes_small": with_unicode_escapes(secret, letters="04x"),
        "json_twice": json_text(json_text(secret)),
        "json_twice_utf8": json_text(json_text(secret, ensure_ascii=False), ensure_ascii=False),
        "base64": base64.b64encode(data).decode(),
        "base64_offset_1": base64_at(secret, 1),
        "base64_offset_2": base64_at(secret, 2),
        "base64_unpadded": base64.b64encode(data).decode().rstrip("="),
        "base64url": base64.urlsafe_b64encode(data).decode(),
        "base64url_offset_1": base64_at(secret, 1).replace("+", "-").replace("/", "_"),
        "base64url_offset_2": base64_at(secret, 2).replace("+", "-").replace("/", "_"),
        "base64_lines": lines(base64.b64encode(data).decode(), "\n"),
        "base64_lines_crlf": lines(base64_at(secret, 1), "\r\n", 16),
        "base64_lines_folded": lines(base64_at(secret, 2), "\r\n\t "),
        "base64_lines_json": lines(base64.b64encode(data).decode(), "\\r\\n"),
        "base64_lines_percent": lines(base64.b64encode(data).decode(), "%0D%0A"),
        "base64_lines_html": lines(base64.b64encode(data).decode(), "&#13;&#10;"),
        "base64url_lines": lines(base64.urlsafe_b64encode(data).decode(), "\n"),
        "hex": data.hex(),
        "hex_lines": lines(data.hex(), "\n"),
        "hex_groups": data.hex(" "),
        "hex_colons": data.hex(":").upper(),
        "hex_upper": data.hex().upper(),
        "percent": quote(secret, safe=""),
        "percent_lower": lower_percent(quote(secret, safe="")),
        "percent_slash_kept": quote(secret),
        "percent_plus": quote_plus(secret),
        "html": html.escape(secret, quote=True),
        "html_decimal": html.escape(secret, quote=False).replace('"', "&#34;").replace("'", "&#39;"),
        "html_hexadecimal": html.escape(secret, quote=False).replace('"', "&quot;").replace("'", "&#x27;"),
        "html_all_decimal": secret.translate({ord(c): f"&#{ord(c)};" for c in SPECIALS if c.isascii() and c != " "}),
        "html_names": "".join(f"&{codepoint2name[ord(c)]};" if ord(c) in codepoint2name else c for c in secret),
        "html_names_in_html": html.escape(html.escape(secret).replace("é", "&eacute;")),
        "html_apos": html.escape(secret, quote=False).replace('"', "&quot;").replace("'", "&apos;"),
    }


def lower_percent(text):
    parts = text.split("%")
    return "%".join([parts[0]] + [part[:2].lower() + part[2:] for part in parts[1:]])


def halves(secret):
    return [secret[:14], secret[-14:]]


def _base64_traces(core):
    """The characters that depend on the core alone, for each of the three offsets."""
    for offset in range(3):
        encoded = base64.b64encode(b"x" * offset + core).rstrip(b"=")
        start = -(-8 * offset // 6)
        yield encoded[start : (8 * (offset + len(core))) // 6]


# What may stand between the digits of base64 and hex.
BREAK = re.compile(rb"[\s:]|\\+[nrt]|%0[AaDd9]|&#1[03];")


def traces(secret):
    """Byte strings of which none may be found where the secret must not be."""
    found = set()
    for half in halves(secret):
        core = half.encode()
        found |= {core, core.hex().encode(), core.hex().upper().encode()}
        found |= set(_base64_traces(core))
        found |= {t.replace(b"+", b"-").replace(b"/", b"_") for t in _base64_traces(core)}
        found.add("".join(f"%{byte:02X}" for byte in core).encode())
        found.add("".join(f"\\u{byte:04x}" for byte in core).encode())
        found.add("".join(f"&#{byte};" for byte in core).encode())
    return found


def traces_in(data, secret):
    """What is left of the secret in `data` (text or bytes); empty when all is well."""
    data = data.encode() if isinstance(data, str) else data
    joined = BREAK.sub(b"", data)
    return sorted(trace for trace in traces(secret) if trace in data or trace in joined)
