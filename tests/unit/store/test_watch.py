from collections.abc import Iterator
from pathlib import Path

import pytest

from clipper.core.errors import ClipperError, ErrorCode
from clipper.store.watch import SLOTS, WatchFile, slot_of


@pytest.fixture
def file(tmp_path: Path) -> Iterator[WatchFile]:
    opened = WatchFile.open(tmp_path / "watch")
    yield opened
    opened.close()


def test_slot_is_that_of_the_first_segment() -> None:
    assert slot_of(b"registry/revision") == slot_of(b"registry/") == slot_of(b"registry/a/b")
    assert slot_of(b"no-segment") == slot_of(b"no-segment")
    assert all(0 <= slot_of(b"%d/" % n) < SLOTS for n in range(1000))
    assert len({slot_of(segment) for segment in (b"registry/", b"state/", b"journal/", b"feedback/")}) == 4


def test_tickets_are_drawn_once(file: WatchFile, tmp_path: Path) -> None:
    again = WatchFile.open(tmp_path / "watch")
    assert [file.draw_ticket(), again.draw_ticket(), file.draw_ticket(), again.draw_ticket()] == [1, 2, 3, 4]
    again.close()


def test_only_the_watches_of_announced_keys_change(file: WatchFile) -> None:
    registry, state = file.watch(b"registry/"), file.watch(b"state/app/")
    file.announce(file.draw_ticket(), [b"registry/revision", b"registry/model/a"])
    assert registry.changed()
    assert not registry.changed()
    assert not state.changed()


def test_announcement_reaches_every_mapping(file: WatchFile, tmp_path: Path) -> None:
    elsewhere = WatchFile.open(tmp_path / "watch")
    watch = elsewhere.watch(b"state/")
    file.announce(file.draw_ticket(), [b"state/x"])
    assert watch.changed()
    elsewhere.close()


def test_announcements_out_of_order_are_never_missed(file: WatchFile) -> None:
    """Two writers commit one after the other and announce in the other order, with a look at every point."""
    for looks in range(8):
        watch = file.watch(b"a/")
        first, second = file.draw_ticket(), file.draw_ticket()
        unseen = False
        for position, ticket in enumerate((second, first)):
            file.announce(ticket, [b"a/x"])
            unseen = True
            if looks >> position & 1:
                assert watch.changed()
                unseen = False
        assert watch.changed() is unseen


def test_announce_all_reaches_every_watch(file: WatchFile) -> None:
    watches = [file.watch(b"%d/" % n) for n in range(200)]
    file.announce_all(file.draw_ticket())
    assert all(watch.changed() for watch in watches)
    assert not any(watch.changed() for watch in watches)


def test_new_watch_tells_only_of_what_follows(file: WatchFile) -> None:
    file.announce(file.draw_ticket(), [b"a/x"])
    assert not file.watch(b"a/").changed()


def test_prefix_without_a_segment_is_refused(file: WatchFile) -> None:
    with pytest.raises(ClipperError) as caught:
        file.watch(b"registry")
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT
