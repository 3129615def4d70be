"""Everything that can be asked before something is sent, in one table."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pipeline.common import progress
from pipeline.kaggle.api import competitions
from pipeline.kaggle.api.client import Client
from pipeline.kaggle.api.errors import PreflightFailed
from pipeline.kaggle.kernel import MAX_BYTES, NO_USERNAME, Kernel
from pipeline.kaggle.submit import receipt
from pipeline.submission import images_zip

# The competition whose evaluator takes exactly so many pictures.
COUNTS = {"generative-dog-images": images_zip.KAGGLE_COUNT}


@dataclass(frozen=True)
class Row:
    """One question and its answer. `ok` is None where the answer is only good to know."""

    question: str
    answer: str
    ok: bool | None


@dataclass
class Preflight:
    """The answers so far. A bad one ends nothing before `settle`, so that one run shows all."""

    rows: list[Row] = field(default_factory=list)

    def note(self, question: str, answer: str, ok: bool | None = True) -> None:
        self.rows.append(Row(question, answer, ok))

    def ask_count(self, competition: str, images: int, *, sends: bool) -> None:
        """Whether the competition's evaluator takes so many pictures."""
        wanted = COUNTS.get(competition, images)
        if images == wanted:
            self.note("pictures", f"{images:,}")
        else:
            self.note(
                "pictures",
                f"{images:,}, but the evaluator takes exactly {wanted:,}: set generate.count and "
                "package.count in params.yaml",
                False if sends else None,
            )

    def ask_score(self, metrics: Path) -> None:
        """What the pictures score here, where they were scored."""
        local = receipt.local_score(metrics)
        if "local_mifid" in local:
            network = local.get("local_extractor", "?")
            self.note("local score", f"MiFID {local['local_mifid']:.2f} ({network})", None)
        else:
            self.note("local score", "none", None)

    def ask_kernel(self, kernel: Kernel, competition: str) -> None:
        """Whether the built kernel is one to push."""
        size = len(kernel.code.encode())
        sources = kernel.metadata.get("competition_sources")
        if kernel.id.startswith(f"{NO_USERNAME}/"):
            answer = "names no account: set kaggle.username in params.yaml and run `make bundle`"
        elif size > MAX_BYTES:
            answer = f"{size:,} bytes, more than {MAX_BYTES:,}"
        elif sources != [competition]:
            answer = f"is for {sources}, not for {competition}: run `make bundle`"
        elif kernel.metadata.get("enable_internet") is not False:
            answer = "asks for internet, which the competition forbids: run `make bundle`"
        else:
            self.note("kernel", f"{kernel.id}, {size / 1e3:.0f} KB, sha256 {kernel.key[:16]}…")
            return
        self.note("kernel", answer, False)

    def ask_account(self, client: Client, kernel: Kernel | None = None) -> None:
        """Whose credentials these are, and whether the kernel is theirs."""
        name = client.username
        if kernel is not None and name.lower() != kernel.id.partition("/")[0].lower():
            answer = f"{name}, not the owner of {kernel.id}: set kaggle.username in params.yaml"
            self.note("account", answer, False)
        else:
            self.note("account", name or "unnamed")

    def ask_kaggle(self, client: Client, slug: str, *, with_file: bool, already: bool) -> None:
        """The questions that Kaggle answers.

        Args:
            with_file: a file is to be submitted, not a kernel.
            already: the submission is there and only followed, so that no limit concerns it.
        """
        found = competitions.look(client, slug)
        page = f"https://www.kaggle.com/competitions/{slug}"
        self.note("competition", found.title)
        over = found.deadline is not None and found.deadline < datetime.now(UTC).replace(
            tzinfo=None
        )
        if found.submissions_disabled and not already:
            self.note("open", "no: Kaggle takes no submissions to it any more", False)
        elif over:
            day = found.deadline.date() if found.deadline else ""
            self.note("open", f"for late submissions, its deadline was {day}", None)
        else:
            self.note("open", "yes")
        if found.entered:
            self.note("rules", "accepted")
        else:
            self.note("rules", f"not accepted: accept them at {page}/rules", False)
        if found.kernels_only and with_file:
            only = "kernels only: set submit.mode to kernel in params.yaml"
            self.note("takes", only, False)
        else:
            self.note("takes", "kernels only" if found.kernels_only else "files and kernels")
        if already:
            return
        left = competitions.submissions_left(client, slug)
        if left > 0:
            self.note("left today", str(left))
        else:
            self.note("left today", "none: try again after 00:00 UTC", False)

    def settle(self) -> None:
        """Print the questions asked since the last time, as a table.

        Raises:
            PreflightFailed: an answer is bad; the message has each of them.
        """
        width = max(len(row.question) for row in self.rows)
        for row in self.rows:
            mark = {True: "ok", False: "NO", None: "  "}[row.ok]
            progress.say(f"  {mark}  {row.question:{width}}  {row.answer}")
        bad = [f"{row.question}: {row.answer}" for row in self.rows if row.ok is False]
        self.rows.clear()
        if bad:
            raise PreflightFailed("nothing was sent; " + "; ".join(bad))
