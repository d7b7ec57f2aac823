"""Fuzzing by coverage of what reads bytes from outside: `python -m tests.fuzzing wire -max_total_time=600`.

Needs atheris, which is for some versions of Python only and so no dependency. Ends with an error at the first input
that is neither refused in words nor understood whole.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qsl

import atheris  # type: ignore[import-untyped]

with atheris.instrument_imports(include=["api"]):
    from pydantic import ValidationError

    from api.errors import MixError
    from api.routes.negotiation import preferred
    from api.routes.triplets import JSON, TripletParameters
    from api.wire.arrow import END_OF_STREAM, MEDIA_TYPE, Body, _read
    from api.wire.errors import WireError
    from api.wire.triplets import SCHEMA, _from_rows, decode_triplets
    from tests.unit.api.wire.test_decoding import BODY, assert_whole

SEEDS = {
    "wire": [BODY, BODY[:500] + END_OF_STREAM, END_OF_STREAM],
    "query": [
        b"seed=3&mix=transitive:7,intra:2&negatives=batch&position=1000000000&count=7",
        b"mix=inter:1",
        b"count=4097",
    ],
}


def wire(body: bytes) -> None:
    """The decoder of the wire format."""
    for read in (body, body + END_OF_STREAM):
        try:
            assert_whole(decode_triplets(read))
        except WireError as error:
            assert str(error)
        # Past the digest, which chance does not get right.
        with suppress(WireError, ValueError):
            assert_whole(_from_rows(Body(_read(read, SCHEMA), "", {}, "")))


def query(text: bytes) -> None:
    """The parser of queries, and of the header that chooses the form of the answer."""
    said = text.decode("latin-1")
    preferred(said, (JSON, MEDIA_TYPE))
    try:
        asked = TripletParameters.model_validate(dict(parse_qsl(said, keep_blank_values=True))).query()
    except (ValidationError, MixError, ValueError) as error:
        assert str(error)
        return
    assert TripletParameters.model_validate(asked.as_dict()).query() == asked


def main() -> None:
    target = sys.argv[1]
    with TemporaryDirectory() as corpus:
        for number, seed in enumerate(SEEDS[target]):
            (Path(corpus) / str(number)).write_bytes(seed)
        atheris.Setup([sys.argv[0], *sys.argv[2:], corpus], {"wire": wire, "query": query}[target])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
