from livefan.measures.expressions import NAMES


def test_names_are_those_of_arkit_that_the_head_measures():
    assert len(NAMES) == len(set(NAMES)) == 50
    assert not {"_neutral", "cheekPuff", "tongueOut"} & set(NAMES)
    assert {name[:-4] for name in NAMES if name.endswith("Left")} == {
        name[:-5] for name in NAMES if name.endswith("Right")
    }
