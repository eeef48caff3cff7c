"""The autoscaler file of CLUSTER.md is one that Ray takes."""

import re

from ruamel.yaml import YAML

from tests.command_line import ROOT


def test_the_autoscaler_file_is_valid() -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    (text,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "CLUSTER.md").read_text(), re.DOTALL)
    whole = YAML(typ="safe").load(text)
    validate_config(prepare_config(whole))
    assert whole["max_workers"] == len(whole["provider"]["worker_ips"])
    starts = whole["head_start_ray_commands"][1:] + whole["worker_start_ray_commands"][1:]
    assert all("RAY_AUTH_MODE=token" in command for command in starts)
