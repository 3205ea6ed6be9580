"""The cursor of a device's log."""

import pytest

from mpac.smarttab.domain.device_log import Gap, LogBounds, gap_after


@pytest.mark.parametrize(
    ("after", "head", "floor", "gap"),
    [
        (0, 0, 1, None),
        (0, 5, 1, None),
        (5, 5, 1, None),
        (2, 5, 3, None),
        (1, 5, 3, Gap(first=2, last=2)),
        (0, 5, 3, Gap(first=1, last=2)),
        (0, 5, 6, Gap(first=1, last=5)),
        (5, 5, 6, None),
    ],
)
def test_a_reader_misses_exactly_what_lies_between_its_cursor_and_the_floor(after, head, floor, gap):
    assert gap_after(after=after, bounds=LogBounds(head=head, floor=floor)) == gap
