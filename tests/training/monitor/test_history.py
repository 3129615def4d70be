"""The CSV files of a run, its summary and its progress line, by the metrics of any objective."""

import csv
from pathlib import Path

import pytest

from pipeline.training.engine.adversarial import AdversarialObjective
from pipeline.training.engine.objective import Metric
from pipeline.training.monitor.history import History

OTHER = (
    Metric("elbo", "ELBO", "evidence lower bound (nats)", in_summary=True),
    Metric("kl", "KL", "divergence (nats)"),
)


@pytest.fixture
def history() -> History:
    return History(OTHER)


def test_rows_and_empty_cells(history: History, tmp_path: Path) -> None:
    rows = [
        history.row(images_seen=1000, elbo=-1.23456789),
        history.row(images_seen=2000, fid=0.5),
    ]
    history.write(tmp_path / "history.csv", rows)
    assert (tmp_path / "history.csv").read_text() == (
        "images_seen,seconds,elbo,kl,images_per_s,memory_mb,fid,mifid,memorization_distance\n"
        "1000,,-1.23457,,,,,,\n"
        "2000,,,,,,0.5,,\n"
    )


def test_the_columns_of_a_gan_are_what_they_always_were() -> None:
    assert History(AdversarialObjective.metrics).columns == (
        "images_seen",
        "seconds",
        "loss_d",
        "loss_g",
        "d_real",
        "d_fake",
        "grad_norm_d",
        "grad_norm_g",
        "images_per_s",
        "memory_mb",
        "fid",
        "mifid",
        "memorization_distance",
    )


def test_a_name_that_no_column_has_is_a_defect(history: History) -> None:
    with pytest.raises(AssertionError):
        history.row(images_seen=1, loss_d=0.5)


def test_curves_hold_each_value_once_in_the_order_of_the_log(
    history: History, tmp_path: Path
) -> None:
    rows = [
        history.row(images_seen=10, elbo=-2.0, kl=0.25, images_per_s=100.0, memory_mb=5.0),
        history.row(images_seen=20, elbo=-1.0, kl=0.5, images_per_s=90.0, mifid=3.0),
    ]
    history.write_curves(tmp_path / "curves.csv", rows)
    with open(tmp_path / "curves.csv", newline="") as file:
        assert list(csv.reader(file)) == [
            ["images_seen", "panel", "metric", "label", "value"],
            ["10", "evidence lower bound (nats)", "elbo", "ELBO", "-2"],
            ["10", "divergence (nats)", "kl", "KL", "0.25"],
            ["10", "speed (images/s)", "images_per_s", "images/s", "100"],
            ["20", "evidence lower bound (nats)", "elbo", "ELBO", "-1"],
            ["20", "divergence (nats)", "kl", "KL", "0.5"],
            ["20", "speed (images/s)", "images_per_s", "images/s", "90"],
            ["20", "FID, MiFID", "mifid", "MiFID", "3"],
        ]


def test_the_progress_line_names_panel_and_line(history: History) -> None:
    row = history.row(images_seen=10, elbo=-2.125, kl=0.5, images_per_s=99.6)
    assert history.in_words(row) == "100 images/s, evidence lower bound ELBO -2.12"
    gan = History(AdversarialObjective.metrics)
    row = gan.row(images_per_s=50.0, loss_d=1.25, loss_g=0.75, d_real=0.6, d_fake=0.4)
    assert gan.in_words(row) == (
        "50 images/s, loss D 1.25, G 0.75, discriminator output D(x) 0.6, D(G(z)) 0.4"
    )


def test_the_summary_is_the_last_row_and_the_best_score(history: History) -> None:
    assert history.summary([]) == {}
    rows = [
        history.row(images_seen=10, elbo=-3.0, kl=1.0, mifid=5.0, memorization_distance=0.5),
        history.row(images_seen=20, elbo=-2.00000049, kl=2.0, mifid=4.0, memorization_distance=0.4),
        history.row(
            images_seen=30, elbo=-1.0, kl=3.0, mifid=6.0, memorization_distance=0.123456789
        ),
        history.row(images_seen=40, elbo=-0.123456789, kl=4.0),
    ]
    first = {"mifid_best": 5.0, "mifid_best_images": 10, "mifid_best_d": 0.5}
    first |= {"mifid_last": 5.0, "mifid_last_images": 10, "mifid_last_d": 0.5}
    assert history.summary(rows[:1]) == {"elbo": -3.0} | first
    found = {"mifid_best": 4.0, "mifid_best_images": 20, "mifid_best_d": 0.4}
    found |= {"mifid_last": 6.0, "mifid_last_images": 30, "mifid_last_d": 0.123457}
    assert history.summary(rows) == {"elbo": -0.123457} | found
