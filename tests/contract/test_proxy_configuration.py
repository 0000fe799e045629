"""The proxy's configuration names exactly the tables of the schema, each with its own rule for the physical table."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from eightysix.core.bucket import BUCKETS
from eightysix.storage.schema import BROADCAST, SHARDED, metadata

DEPLOY = Path(__file__).parents[2] / "deploy/shardingsphere"
FILES = {"5.1": DEPLOY / "conf-5.1/config-eightysix.yaml", "5.5": DEPLOY / "conf-5.5/database-eightysix.yaml"}


class _Loader(yaml.SafeLoader):
    """Reads the proxy's `!SHARDING` as a plain mapping that remembers its name."""


def _rule(loader: yaml.SafeLoader, name: str, node: yaml.MappingNode) -> dict[str, Any]:
    return {"rule": name, **loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _rule)


def _rules(release: str) -> dict[str, dict[str, Any]]:
    content = yaml.load(FILES[release].read_text(), Loader=_Loader)  # a SafeLoader
    return {rule["rule"]: rule for rule in content["rules"]}


def _tables(kind: str) -> set[str]:
    return {table.name for table in metadata.tables.values() if table.info["kind"] == kind}


@pytest.mark.parametrize("release", FILES)
def test_every_sharded_table_and_no_other_is_sharded(release: str) -> None:
    assert set(_rules(release)["SHARDING"]["tables"]) == _tables(SHARDED)


@pytest.mark.parametrize("release", FILES)
def test_every_other_table_has_a_copy_in_each_database(release: str) -> None:
    rules = _rules(release)
    named = rules["BROADCAST"]["tables"] if release == "5.5" else rules["SHARDING"]["broadcastTables"]
    assert sorted(named) == sorted(_tables(BROADCAST))


@pytest.mark.parametrize("release", FILES)
def test_each_table_goes_by_bucket_to_database_and_table(release: str) -> None:
    sharding = _rules(release)["SHARDING"]
    algorithms = sharding["shardingAlgorithms"]
    assert algorithms["by_database"]["props"]["algorithm-expression"] == "ds_${product_shard_id % 2}"
    assert sharding["defaultDatabaseStrategy"]["standard"] == {
        "shardingColumn": "product_shard_id",
        "shardingAlgorithmName": "by_database",
    }
    for name, table in sharding["tables"].items():
        assert table["actualDataNodes"] == f"ds_${{0..1}}.{name}_${{0..3}}"
        strategy = table["tableStrategy"]["standard"]
        assert strategy["shardingColumn"] == "product_shard_id"
        expression = algorithms[strategy["shardingAlgorithmName"]]["props"]["algorithm-expression"]
        assert expression == f"{name}_${{product_shard_id.intdiv(2) % 4}}"


def test_that_rule_uses_all_eight_tables_evenly_and_a_shard_is_the_bucket_mod_eight() -> None:
    places: dict[tuple[int, int], set[int]] = {}
    for bucket in range(BUCKETS):
        places.setdefault((bucket % 2, bucket // 2 % 4), set()).add(bucket % 8)
    assert len(places) == 8
    assert all(len(shards) == 1 for shards in places.values())
