"""The checker finds each kind of loss and disorder, and nothing else."""

from pathlib import Path

from tests.lossless.checker import Seen, State, Truth, complaints, read

A, B = (2, 1), (2, 2)


def seen(seq: int, prev_seq: int, key: tuple[int, int] = A, version: int | None = None, connection: int = 1) -> Seen:
    state = State(version or seq, 1000 * (version or seq), 0, 1)
    return Seen("s", connection, seq, prev_seq, key, state)


def truth(last: int = 3, unpublished: int = 0) -> Truth:
    stocks = {A: State(3, 3000, 0, 1), B: State(2, 2000, 0, 1)}
    return Truth({"s": stocks}, {"s": last}, unpublished, 0)


WHOLE = [seen(1, 0), seen(2, 1, B), seen(3, 2)]


def test_all_is_well() -> None:
    assert complaints(truth(), WHOLE, WHOLE) == []


def test_repeats_that_step_back_are_harmless_on_the_bus_and_on_another_connection() -> None:
    again = [*WHOLE, seen(1, 0, version=3), seen(2, 1, B)]
    later = [*WHOLE, seen(1, 0, version=3, connection=2), seen(2, 1, B, connection=2), seen(3, 2, connection=2)]
    assert complaints(truth(), later, again) == []


def test_the_newest_state_stands_for_those_before_it() -> None:
    caught_up = [seen(1, 0), seen(2, 1, B), seen(3, 2, connection=2)]
    assert complaints(truth(), caught_up, []) == []


def test_a_lost_last_message() -> None:
    assert any("last seen" in each for each in complaints(truth(), WHOLE[:2], []))


def test_a_lost_message_in_the_middle_of_the_bus() -> None:
    lost = [seen(1, 0), seen(3, 2), seen(4, 3, B, version=2)]
    assert any("message 2 of 4 was never seen" in each for each in complaints(truth(4), [*WHOLE], lost))


def test_a_stream_that_jumps() -> None:
    jumped = [seen(1, 0), seen(3, 2), seen(4, 3, B, version=2)]
    assert any("jumped from 1 to 3" in each for each in complaints(truth(), jumped, []))


def test_a_stream_that_steps_back() -> None:
    back = [*WHOLE, seen(2, 1, B)]
    assert any("stepped back from 3 to 2" in each for each in complaints(truth(), back, []))


def test_a_bus_out_of_order() -> None:
    swapped = [seen(1, 0), seen(3, 2), seen(2, 1, B)]
    assert any("2 came first after 3" in each for each in complaints(truth(), WHOLE, swapped))


def test_a_wrong_number() -> None:
    wrong = [*WHOLE[:2], seen(3, 2)._replace(state=State(3, 2999, 0, 1))]
    assert any("last seen" in each for each in complaints(truth(), wrong, []))


def test_what_was_never_published() -> None:
    assert any("unpublished" in each for each in complaints(truth(unpublished=1), WHOLE, WHOLE))


def test_a_line_that_a_kill_cut_short(tmp_path: Path) -> None:
    file = tmp_path / "seen"
    file.write_text('["s", 1, 1, 0, 2, 1, 1, 1000, 0, 1, 0]\n["s", 1, 2, 1')
    assert read(file) == [seen(1, 0)]
