"""Settings and recipes."""

import math
from dataclasses import fields
from pathlib import Path

import pytest
from marked_faces import SMALL

from livefan.cli.main import main
from livefan.core.errors import LivefanError
from livefan.training.config import TrainConfig, read_config, to_toml


def test_settings_survive_toml_and_wrong_ones_are_named(tmp_path: Path):
    path = tmp_path / "run.toml"
    path.write_text(to_toml(SMALL))
    assert read_config(path, {}) == SMALL
    assert read_config(path, {"epochs": 7}).epochs == 7
    for text, message in (
        ("speed = 3", "unknown setting 'speed'"),
        ("epochs = 'many'", "epochs must be a whole number, not 'many'"),
        ("epochs = 0", "at least 1"),
        ("epochs = ", "cannot be read"),
        ("milestones = ['a']", "list of whole numbers"),
        ("schedule = 'often'", "one of cosine, steps"),
        ("heatmap_loss = 'mse'", "coordinate_weight = 0"),
        ("response_weight = 1.0", "needs both a teacher"),
        (
            "heatmap_loss = 'mse'\ncoordinate_weight = 0.0\nresponse_weight = 1.0",
            "are no logits",
        ),
        ("without_face = 0.1\nheatmap_weight = 0.0", "without_face needs heatmap_weight"),
    ):
        path.write_text(text)
        with pytest.raises(LivefanError, match=message):
            read_config(path, {})


def test_number_out_of_range_gives_one_line_error_with_the_range(capsys: pytest.CaptureFixture[str]):
    for setting, value, message in (
        ("learning_rate", -1.0, "at least 0, not -1.0"),
        ("learning_rate", math.inf, "at least 0, not inf"),
        ("weight_decay", -1e-4, "at least 0, not -0.0001"),
        ("warmup_steps", -3, "at least 0, not -3"),
        ("epochs", 0, "at least 1, not 0"),
        ("batch_size", 1, "at least 2, not 1"),
        ("average_decay", 2.0, "from 0 to 1, not 2.0"),
        ("mirror", 2.0, "from 0 to 1, not 2.0"),
        ("rotation_probability", 5.0, "from 0 to 1, not 5.0"),
        ("scale", 0.8, "from 1 to 10, not 0.8"),
        ("scale", -1.2, "from 1 to 10, not -1.2"),
        ("seed", -1, "from 0 to 18446744073709551615, not -1"),
        ("seed", 10**30, "from 0 to 18446744073709551615"),
        ("width", math.nan, "from 0.1 to 4, not nan"),
        ("width", 0.0, "from 0.1 to 4, not 0.0"),
        ("heatmap_sigma", 0.0, "at least 0.1, not 0.0"),
        ("response_weight", -1.0, "at least 0, not -1.0"),
    ):
        with pytest.raises(LivefanError, match=f"^settings: {setting} must be a number {message}"):
            read_config(None, {setting: value})
    for setting in fields(TrainConfig):
        if setting.type in ("int", "float"):
            with pytest.raises(LivefanError, match=f"^settings: {setting.name} must be a number"):
                read_config(None, {setting.name: {"int": -1, "float": math.nan}[str(setting.type)]})
    assert main(["train", "--root", "r", "--out", "o", "--width", "nan"]) == 2
    assert capsys.readouterr().err == "livefan: settings: width must be a number from 0.1 to 4, not nan\n"


@pytest.mark.parametrize("recipe", sorted(Path("weights/recipes").glob("*.toml")), ids=lambda path: path.stem)
def test_every_recipe_can_be_read(recipe: Path):
    read_config(recipe, {})
