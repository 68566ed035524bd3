"""Forms as browsers send them, read in memory and never onto a disk."""

from dataclasses import dataclass
from urllib.parse import parse_qsl

from aiohttp import BodyPartReader, MultipartReader, web

from node.web.silence import NO_HTTP, body_in_time
from protocol.errors import MalformedValueError, MediaTypeError, SizeError

SMALL = 64 * 1024
"""Bytes of a form without files."""
_MOST_FIELDS = 2000


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form, in order, and its files."""

    fields: tuple[tuple[str, str], ...]
    files: tuple[tuple[str, bytes], ...] = ()
    """Name as given by the browser, without folders, and content."""

    def get(self, name: str, default: str = "") -> str:
        """Return the first value of `name`, without surrounding space."""
        return next((v.strip() for n, v in self.fields if n == name), default)

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of `name`."""
        return tuple(v for n, v in self.fields if n == name)


async def read_form(request: web.Request, limit: int = SMALL) -> Form:
    """Read the form in the body of `request`.

    Raises:
        SizeError: more than `limit` bytes, or of undeclared length.
        MediaTypeError: neither kind of form, or compressed.
        MalformedValueError: not readable as the form it says it is.
    """
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise MediaTypeError("a compressed form")
    length = request.content_length
    if length is None or length > limit:
        raise SizeError(f"a form of {length} bytes, more than {limit}")
    try:
        async with body_in_time(request):
            if request.content_type == "application/x-www-form-urlencoded":
                return _urlencoded(await request.read())
            if request.content_type == "multipart/form-data":
                return await _multipart(await request.multipart())
    except (ValueError, AssertionError, *NO_HTTP) as error:
        raise MalformedValueError("not a readable form") from error
    raise MediaTypeError(f"{request.content_type} is not a form")


def _urlencoded(body: bytes) -> Form:
    fields = parse_qsl(
        body.decode("utf-8"),
        keep_blank_values=True,
        max_num_fields=_MOST_FIELDS,
        errors="strict",
    )
    return Form(tuple(fields))


async def _multipart(reader: MultipartReader) -> Form:
    fields: list[tuple[str, str]] = []
    files: list[tuple[str, bytes]] = []
    while (part := await reader.next()) is not None:
        if not isinstance(part, BodyPartReader) or len(fields) > _MOST_FIELDS:
            raise ValueError("parts within parts, or too many")
        content = bytes(await part.read())
        if part.filename is not None:
            if part.filename or content:
                files.append((_base_name(part.filename), content))
        else:
            fields.append((part.name or "", content.decode("utf-8")))
    return Form(tuple(fields), tuple(files))


def _base_name(name: str) -> str:
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(c for c in last if c.isprintable())[:200]
