"""Fuzz the parsers of external input, guided by coverage: `python -m tests.fuzzing wire -max_total_time=600`.

Needs atheris, which supports only some versions of Python and so is not a dependency. Stops with an error at the first
input that is neither refused with a message nor decoded whole.
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
    from api.routes.negotiation import JSON, preferred
    from api.routes.triplets import TripletParameters
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
    """Fuzz the decoder of the wire format."""
    for read in (body, body + END_OF_STREAM):
        try:
            assert_whole(decode_triplets(read))
        except WireError as error:
            assert str(error)
        # Skip the digest, which random input never matches.
        with suppress(WireError, ValueError):
            assert_whole(_from_rows(Body(_read(read, SCHEMA), "", {}, "")))


def query(text: bytes) -> None:
    """Fuzz the parser of queries, and of the Accept header."""
    decoded = text.decode("latin-1")
    preferred(decoded, (JSON, MEDIA_TYPE))
    try:
        parsed = TripletParameters.model_validate(dict(parse_qsl(decoded, keep_blank_values=True))).query()
    except (ValidationError, MixError, ValueError) as error:
        assert str(error)
        return
    assert TripletParameters.model_validate(parsed.as_dict()).query() == parsed


def main() -> None:
    target = sys.argv[1]
    with TemporaryDirectory() as corpus:
        for number, seed in enumerate(SEEDS[target]):
            (Path(corpus) / str(number)).write_bytes(seed)
        atheris.Setup([sys.argv[0], *sys.argv[2:], corpus], {"wire": wire, "query": query}[target])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
