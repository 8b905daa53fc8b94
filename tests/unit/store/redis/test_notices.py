"""Who is told of which commit, and how often."""

from clipper.store.redis.notices import Notices

KEYS = (b"a/1", b"b/1")


def test_commit_of_another_process_is_announced_to_who_watches_its_keys() -> None:
    here, elsewhere = Notices(), Notices()
    a, c = here.watch(b"a/"), here.watch(b"c/")
    here.announce_message(elsewhere.message(KEYS))
    assert a.changed()
    assert not a.changed()
    assert not c.changed()


def test_own_commit_is_announced_once() -> None:
    notices = Notices()
    watch = notices.watch(b"a/")
    message = notices.message(KEYS)
    notices.announce(KEYS)
    assert watch.changed()
    notices.announce_message(message)
    assert not watch.changed()


def test_own_commit_whose_answer_was_lost_is_announced_when_it_happens() -> None:
    notices = Notices()
    watch = notices.watch(b"a/")
    message = notices.message(KEYS)
    notices.disown()
    notices.announce_message(message)
    assert watch.changed()


def test_everybody_is_told_to_look_again() -> None:
    notices = Notices()
    watches = [notices.watch(prefix) for prefix in (b"a/", b"b/", b"c/")]
    notices.announce_all()
    assert all(watch.changed() for watch in watches)
