"""What a terminal may say over its WebSocket."""

import pytest

from mpac.smarttab.ws import frames


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        ('{"type":"resume","after":0}', frames.Resume(after=0)),
        ('{"type":"ack","seq":7}', frames.Ack(seq=7)),
        ('{"type":"auth","token":"x"}', frames.Auth(token="x")),
        ('{"type":"ping"}', frames.Ping()),
    ],
)
def test_the_four_frames_are_understood(text, frame):
    assert frames.decode(text) == frame


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "ping",
        "[]",
        "{}",
        '{"type":"hello"}',
        '{"type":"resume"}',
        '{"type":"resume","after":-1}',
        '{"type":"resume","after":"1"}',
        '{"type":"resume","after":1.5}',
        '{"type":"resume","after":9223372036854775808}',
        '{"type":"ping","more":1}',
        "[" * 4000,
        '{"type":"ping"',
    ],
)
def test_anything_else_is_malformed(text):
    with pytest.raises(frames.FrameRefused) as refused:
        frames.decode(text)
    assert (refused.value.code, refused.value.close) == ("malformed_frame", 4400)


def test_a_frame_that_is_too_large_is_not_even_parsed():
    with pytest.raises(frames.FrameRefused) as refused:
        frames.decode("x" * (frames.MAX_FRAME_CHARS + 1))
    assert refused.value.code == "frame_too_large"


def test_the_budget_allows_a_burst_and_refills_with_time():
    budget = frames.FrameBudget()
    for _ in range(40):
        budget.spend(at=100.0)
    with pytest.raises(frames.FrameRefused) as refused:
        budget.spend(at=100.0)
    assert refused.value.close == 4429
    budget.spend(at=100.1)
