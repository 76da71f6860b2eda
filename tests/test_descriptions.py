"""What addresses of results are made of."""

import hashlib
from pathlib import Path

import sklcnn
from sklcnn._descriptions import describe_environment


def test_every_source_of_the_package_is_part_of_the_environment():
    """A changed line anywhere is another version."""
    root = Path(sklcnn.__file__).parent
    sources = [path.read_bytes() for path in sorted(root.rglob("*.py"))]

    assert describe_environment()[2] == hashlib.sha256(b"".join(sources)).hexdigest()
