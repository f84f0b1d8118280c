import csv
from pathlib import Path

from callbacks.metrics_csv import MetricsCSV


def read(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_rows_columns_and_joined_steps(tmp_path: Path) -> None:
    log = MetricsCSV(tmp_path)
    log.log_metrics({"a": 1.0}, 10)
    log.save()
    log.log_metrics({"b": 2.0}, 10)  # the same step: joins the row that is already written
    log.log_metrics({"a": 3.0}, 20)
    log.save()
    assert read(tmp_path) == [{"step": "10", "a": "1.0", "b": "2.0"}, {"step": "20", "a": "3.0", "b": ""}]


def test_a_metric_logged_twice_at_a_step_takes_a_new_row(tmp_path: Path) -> None:
    log = MetricsCSV(tmp_path)
    for value in (1.0, 2.0):
        log.log_metrics({"a": value}, 10)
    log.save()
    assert [row["a"] for row in read(tmp_path)] == ["1.0", "2.0"]


def test_a_resumed_log_equals_one_left_alone(tmp_path: Path) -> None:
    def write(log: MetricsCSV, steps: range) -> None:
        for step in steps:
            log.log_metrics({"a": step / 7, **({"late": 1.0} if step > 6 else {})}, step)
            log.save()

    write(MetricsCSV(tmp_path / "whole"), range(10))
    write(MetricsCSV(tmp_path / "broken"), range(8))
    write(MetricsCSV(tmp_path / "broken", keep_rows=5), range(5, 10))
    whole, broken = (tmp_path / name / "metrics.csv" for name in ("whole", "broken"))
    assert whole.read_bytes() == broken.read_bytes()
