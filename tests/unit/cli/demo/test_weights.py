"""How the demo draws weights."""

from rich.console import Console

from clipper.cli.demo.weights import Weights, sparkline


def test_sparkline_has_a_bar_for_each_value() -> None:
    assert sparkline([0.0, 0.5, 1.0], 10) == "▁▅█"


def test_long_past_is_thinned_from_its_beginning() -> None:
    assert sparkline([0.0] * 50 + [1.0] * 50, 4) == "▁▁██"


def test_weights_are_drawn_with_their_title_and_past() -> None:
    weights = Weights(["svm", "forest"])
    weights.add("digits", {"svm": 0.5, "forest": 0.5})
    weights.add("digits", {"svm": 1.0})
    console = Console(width=100)
    with console.capture() as drawn:
        console.print(weights.render())
    text = drawn.get()
    assert "digits" in text
    assert "1.00" in text
    assert "▅█" in text
    assert weights.now("digits", "forest") == 0.0
    assert weights.now("other", "svm") == 0.0
