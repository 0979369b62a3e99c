"""Places in the lessons: as one says them, and where their links go."""

from lambdacourse import places


def test_a_place_has_words_and_a_link():
    """The heading as it is written, dashes and all; the link leads to the cell that begins with it."""
    place = "lessons/03-cold-starts.ipynb#The-two-second-cold-start"
    assert places.words(place) == "lesson 03, The two-second cold start"
    assert places.link(place) == "lessons/03-cold-starts.ipynb#cell-id=two-seconds"


def test_a_place_of_another_release_still_says_where():
    """What the lessons no longer have is said as well as can be, and leads to the lesson."""
    place = "lessons/03-cold-starts.ipynb#A-heading-that-is-gone"
    assert places.words(place) == "lesson 03, A heading that is gone"
    assert places.link(place) == place
